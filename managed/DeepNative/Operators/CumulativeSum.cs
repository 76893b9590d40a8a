using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Running sums along an axis.</summary>
public static class CumulativeSum
{
    /// <summary>y[i] = x[0] + ... + x[i] along an axis; the gradient is the same in the other direction.</summary>
    /// <param name="x">Any shape but (), float32.</param>
    /// <param name="axis">The axis to walk along.</param>
    /// <param name="exclusive">Whether x[i] itself is left out, so that the first sum is 0.</param>
    /// <param name="reverse">Whether to walk from the end of the axis to its begin.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Value Apply(Value x, int axis, bool exclusive = false, bool reverse = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        x.Graph.CheckDType(CumulativeSumNode.Title, "input", x, DType.Float32);
        x.Graph.CheckAxis(CumulativeSumNode.Title, x, axis);
        return x.Graph.Add(new CumulativeSumNode(x, axis, exclusive, reverse)).Outputs[0];
    }
}

internal sealed class CumulativeSumNode : Node
{
    public const string Title = "CumulativeSum";

    public CumulativeSumNode(Value x, int axis, bool exclusive, bool reverse)
        : base(x.Graph, x)
    {
        Axis = axis;
        Exclusive = exclusive;
        Reverse = reverse;
        AddOutput(DType.Float32, x.Shape);
    }

    public int Axis { get; }

    public bool Exclusive { get; }

    public bool Reverse { get; }

    public override string OperatorName => Title;

    public override object? Attributes => (Axis, Exclusive, Reverse);

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradOutput ? CumulativeSum.Apply(gradOutput, Axis, Exclusive, !Reverse) : null];

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new CumulativeSumAttributes { Axis = Axis, Exclusive = Exclusive ? 1 : 0, Reverse = Reverse ? 1 : 0 };
        writer.Add(this, OperatorKind.CumulativeSum, attributes);
    }
}
