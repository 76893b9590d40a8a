using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>The axes of a value in another order.</summary>
/// <remarks>
/// Any data type. Axes below 0 are counted from the end. Orders that move only axes of extent 1 cost nothing.
/// All throw <see cref="ShapeException"/> for an axis that the value does not have.
/// </remarks>
public static class Transpose
{
    internal const string Title = "Transpose";

    /// <summary>Axis i of the result is axis permutation[i] of x: {0, 2, 3, 1} makes (N, H, W, C) of (N, C, H, W).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="permutation">Each axis once.</param>
    /// <returns>The same elements under the permuted shape.</returns>
    public static Value Permute(Value x, params ReadOnlySpan<int> permutation)
    {
        ArgumentNullException.ThrowIfNull(x);
        Axes.CheckCount(Title, x, "permutation", permutation.Length);
        var order = new int[permutation.Length];
        var named = 0;
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = Axes.Resolve(Title, x, permutation[i]);
            if ((named & (1 << order[i])) != 0)
                throw x.Graph.Mismatch(Title, "each axis once", $"axis {order[i]} twice", $"axis {order[i]} is named twice; input is {x.Shape}");
            named |= 1 << order[i];
        }

        if (x.Producer is TransposeNode inner)
        {
            x = inner.Inputs[0]!;
            for (var i = 0; i < order.Length; i++) order[i] = inner.Permutation[order[i]];
        }

        Span<long> extents = stackalloc long[order.Length];
        for (var i = 0; i < order.Length; i++) extents[i] = x.Shape[order[i]];
        return KeepsOrder(x.Shape, order)
            ? Reshape.To(x, new Shape(extents))
            : x.Graph.Add(new TransposeNode(x, order, new Shape(extents))).Outputs[0];
    }

    /// <summary>Exchanges two axes.</summary>
    /// <param name="x">Any shape with these axes.</param>
    /// <param name="first">One axis.</param>
    /// <param name="second">The other.</param>
    /// <returns>The same elements under the permuted shape.</returns>
    public static Value Swap(Value x, int first, int second)
    {
        ArgumentNullException.ThrowIfNull(x);
        first = Axes.Resolve(Title, x, first);
        second = Axes.Resolve(Title, x, second);
        var order = new int[x.Shape.Rank];
        for (var i = 0; i < order.Length; i++) order[i] = i == first ? second : i == second ? first : i;
        return Permute(x, order);
    }

    /// <summary>Transposes the matrices of the last two axes: (..., M, N) becomes (..., N, M).</summary>
    /// <param name="x">Rank 2 or more.</param>
    /// <returns>The transposed matrices.</returns>
    public static Value LastTwo(Value x) => Swap(x, -2, -1);

    // Whether all axes but those of extent 1 stay in their order.
    private static bool KeepsOrder(Shape shape, int[] order)
    {
        var last = -1;
        foreach (var axis in order)
        {
            if (shape[axis] == 1) continue;
            if (axis < last) return shape.Count == 0;
            last = axis;
        }

        return true;
    }
}

internal sealed class TransposeNode : Node
{
    private readonly int[] _permutation;

    public TransposeNode(Value x, int[] permutation, Shape shape)
        : base(x.Graph, x)
    {
        _permutation = permutation;
        AddOutput(x.DType, shape);
    }

    public ReadOnlySpan<int> Permutation => _permutation;

    public override string OperatorName => Transpose.Title;

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Transpose);

    public override object? Attributes => string.Join(',', _permutation);

    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradient) return [null];
        var inverse = new int[_permutation.Length];
        for (var i = 0; i < inverse.Length; i++) inverse[_permutation[i]] = i;
        return [Transpose.Permute(gradient, inverse)];
    }

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new TransposeAttributes();
        for (var i = 0; i < _permutation.Length; i++) attributes.Permutation[i] = _permutation[i];
        writer.Add(this, OperatorKind.Transpose, attributes);
    }
}
