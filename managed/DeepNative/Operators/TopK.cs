using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>The largest or smallest elements along an axis, in order.</summary>
/// <remarks>
/// Equal elements: the lowest index first. NaN counts as larger than all numbers, and -0 equals 0. The gradient
/// of a value goes to the element that it was, any number of times; indices have none.
/// </remarks>
public static class TopK
{
    /// <summary>The k largest elements, descending, or the k smallest, ascending.</summary>
    /// <param name="x">Any shape but (), float32.</param>
    /// <param name="k">How many, 1 to the axis' extent.</param>
    /// <param name="axis">The axis to search.</param>
    /// <param name="largest">Whether to take the largest.</param>
    /// <returns>The elements and where on the axis they are (Int32), both x's shape with k along the axis.</returns>
    /// <exception cref="ShapeException">There is no such axis, or it has fewer elements.</exception>
    public static (Value Values, Value Indices) Apply(Value x, int k, int axis, bool largest = true)
    {
        ArgumentNullException.ThrowIfNull(x);
        var graph = x.Graph;
        graph.CheckDType(TopKNode.Title, "input", x, DType.Float32);
        graph.CheckAxis(TopKNode.Title, x, axis);
        if (k < 1 || k > x.Shape[axis])
        {
            throw graph.Mismatch(
                TopKNode.Title, $"k from 1 to {x.Shape[axis]}", $"{k}",
                $"k is {k}, but axis {axis} has {x.Shape[axis]} elements; input is {x.Shape}");
        }

        var node = graph.Add(new TopKNode(x, k, axis, largest));
        return (node.Outputs[0], node.Outputs[1]);
    }

    /// <summary>All elements along an axis in order; equal ones stay in the order in which they were.</summary>
    /// <param name="x">Any shape but (), float32, with one or more elements along the axis.</param>
    /// <param name="axis">The axis to sort.</param>
    /// <param name="descending">Whether the largest comes first.</param>
    /// <returns>The elements and where on the axis they were (Int32), both of x's shape.</returns>
    /// <exception cref="ShapeException">There is no such axis, or it is empty.</exception>
    public static (Value Values, Value Indices) Sort(Value x, int axis, bool descending = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        x.Graph.CheckAxis(TopKNode.Title, x, axis);
        return Apply(x, checked((int)x.Shape[axis]), axis, descending);
    }
}

/// <summary>Input x; outputs values, indices.</summary>
internal sealed class TopKNode : Node
{
    public const string Title = "TopK";

    public TopKNode(Value x, int k, int axis, bool largest)
        : base(x.Graph, x)
    {
        K = k;
        Axis = axis;
        Largest = largest;
        var shape = x.Shape.With(axis, k);
        AddOutput(DType.Float32, shape);
        AddOutput(DType.Int32, shape);
    }

    public int K { get; }

    public int Axis { get; }

    public bool Largest { get; }

    public override string OperatorName => Title;

    public override object? Attributes => (K, Axis, Largest);

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradOutput ? Gather.ScatterAddAlong(gradOutput, Outputs[1], Axis, Inputs[0]!.Shape[Axis]) : null];

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new TopKAttributes { Axis = Axis, K = K, Largest = Largest ? 1 : 0 };
        writer.Add(this, OperatorKind.TopK, attributes);
    }
}
