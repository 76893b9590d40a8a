using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Sums, means and maxima over axes of float32 values.</summary>
/// <remarks>
/// Axes are counted from 0; no axes means all. With keepDims the reduced axes stay with extent 1. All
/// throw <see cref="ShapeException"/> for an axis that the value does not have or is named twice.
/// </remarks>
public static partial class Reduce
{
    /// <summary>The sum over axes.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to sum over; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The sums.</returns>
    public static Value Sum(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false) => Over(ReduceMode.Sum, x, axes, keepDims);

    /// <summary>The mean over axes.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to average over; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The means.</returns>
    public static Value Mean(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false) => Over(ReduceMode.Mean, x, axes, keepDims);

    /// <summary>The maximum over axes; NaN wins. Equal maxima share the gradient.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to search; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The maxima.</returns>
    public static Value Max(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false) => Over(ReduceMode.Max, x, axes, keepDims);

    /// <summary>The index of the maximum along one axis; the lowest of equal ones; NaN wins. No gradient.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axis">The axis to search.</param>
    /// <param name="keepDims">Whether it stays with extent 1.</param>
    /// <returns>The indices, Int32.</returns>
    public static Value ArgMax(Value x, int axis, bool keepDims = false) => Over(ReduceMode.ArgMax, x, [axis], keepDims);

    /// <summary>The sum over the axes along which a shape repeats in the value: the derivative of broadcasting.</summary>
    internal static Value SumTo(Value x, Shape shape)
    {
        if (x.Shape == shape) return x;
        var axes = new List<int>();
        var missing = x.Shape.Rank - shape.Rank;
        for (var axis = 0; axis < x.Shape.Rank; axis++)
        {
            if (axis < missing || (shape[axis - missing] == 1 && x.Shape[axis] != 1)) axes.Add(axis);
        }

        // Axes that the shape lacks disappear, others stay with extent 1: often all are of one kind.
        var keepDims = axes.Exists(axis => axis >= missing);
        return Reshape.To(Sum(x, axes.ToArray(), keepDims), shape);
    }

    private static Value Over(ReduceMode mode, Value x, ReadOnlySpan<int> axes, bool keepDims)
    {
        ArgumentNullException.ThrowIfNull(x);
        var graph = x.Graph;
        graph.CheckDType(mode.ToString(), "input", x, DType.Float32);
        var mask = CheckedMask(mode.ToString(), x, axes);
        if (mode != ReduceMode.Sum && CountOf(x.Shape, mask) == 0)
            throw graph.Mismatch(mode.ToString(), "one or more elements", "none", $"there is nothing to reduce; input is {x.Shape}");

        // Over axes of extent 1 nothing is to be added up or compared.
        var shape = ResultShape(x.Shape, mask, keepDims);
        if (mode != ReduceMode.ArgMax && CountOf(x.Shape, mask) == 1) return Reshape.To(x, shape);
        return graph.Add(new ReduceNode(x, mode, mask, keepDims, shape)).Outputs[0];
    }

    // Bit i: axis i is named, or none is.
    private static int CheckedMask(string name, Value x, ReadOnlySpan<int> axes)
    {
        var mask = 0;
        foreach (var axis in axes)
        {
            if (axis < 0 || axis >= x.Shape.Rank)
            {
                throw x.Graph.Mismatch(
                    name, $"an axis from 0 to {x.Shape.Rank - 1}", $"axis {axis}",
                    $"axis {axis} does not exist; input is {x.Shape}");
            }

            if ((mask & (1 << axis)) != 0)
                throw x.Graph.Mismatch(name, "each axis once", $"axis {axis} twice", $"axis {axis} is named twice; input is {x.Shape}");
            mask |= 1 << axis;
        }

        return axes.IsEmpty ? (1 << x.Shape.Rank) - 1 : mask;
    }

    private static Shape ResultShape(Shape shape, int mask, bool keepDims)
    {
        Span<long> extents = stackalloc long[Shape.MaxRank];
        var rank = 0;
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            var reduced = (mask & (1 << axis)) != 0;
            if (!reduced || keepDims) extents[rank++] = reduced ? 1 : shape[axis];
        }

        return new Shape(extents[..rank]);
    }

    internal static long CountOf(Shape shape, int mask)
    {
        var count = 1L;
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            if ((mask & (1 << axis)) != 0) count *= shape[axis];
        }

        return count;
    }
}

internal sealed class ReduceNode : Node
{
    private readonly bool _keepDims;

    public ReduceNode(Value x, ReduceMode mode, int axes, bool keepDims, Shape shape)
        : base(x.Graph, x)
    {
        Mode = mode;
        Axes = axes;
        _keepDims = keepDims;
        AddOutput(mode == ReduceMode.ArgMax ? DType.Int32 : DType.Float32, shape);
    }

    public ReduceMode Mode { get; }

    /// <summary>Bit i: reduces over axis i.</summary>
    public int Axes { get; }

    public override string OperatorName => Mode.ToString();

    public override object? Attributes => (Mode, Axes, _keepDims);

    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradOutput) return [null];
        var x = Inputs[0]!;
        var kept = x.Shape;
        for (var axis = 0; axis < kept.Rank; axis++)
        {
            if ((Axes & (1 << axis)) != 0) kept = kept.With(axis, 1);
        }

        // Without the leading axes it broadcasts as it is.
        var leading = kept.Rank - gradOutput.Shape.Rank;
        var broadcasts = kept.From(leading) == gradOutput.Shape && kept.Until(leading).Count == 1;
        var gradient = broadcasts ? gradOutput : Reshape.To(gradOutput, kept);
        if (Mode == ReduceMode.Mean) gradient *= 1f / Reduce.CountOf(x.Shape, Axes);
        if (Mode != ReduceMode.Max) return [Pointwise.Expand(gradient, x.Shape)];
        var winners = Pointwise.Equal(x, Reshape.To(Outputs[0], kept));
        var count = Reduce.SumTo(winners, kept);
        return [winners * (gradient / count)];
    }

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new ReduceAttributes { Mode = Mode, Axes = Axes, KeepDims = _keepDims ? 1 : 0 };
        writer.Add(this, OperatorKind.Reduce, attributes);
    }
}
