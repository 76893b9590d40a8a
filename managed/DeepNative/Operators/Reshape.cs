using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>The same numbers in the same row-major order under another shape.</summary>
public static class Reshape
{
    /// <summary>Gives a value another shape.</summary>
    /// <param name="x">Any shape and data type.</param>
    /// <param name="shape">A shape of as many elements.</param>
    /// <returns>The value under the new shape.</returns>
    /// <exception cref="ShapeException">The numbers of elements differ.</exception>
    public static Value To(Value x, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Shape.Count != shape.Count)
        {
            throw x.Graph.Mismatch(
                "Reshape", $"{x.Shape.Count} elements", $"{shape.Count} elements",
                $"{shape} has {shape.Count} elements, the input {x.Shape} has {x.Shape.Count}");
        }

        if (x.Producer is ReshapeNode inner) x = inner.Inputs[0]!;
        return x.Shape == shape ? x : x.Graph.Add(new ReshapeNode(x, shape)).Outputs[0];
    }

    /// <summary>Joins all dimensions from one axis on: (N, C, H, W) becomes (N, C*H*W).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="fromAxis">The first axis to join; those before stay.</param>
    /// <returns>A value of rank <paramref name="fromAxis"/> + 1.</returns>
    /// <exception cref="ShapeException">The input has fewer dimensions than that.</exception>
    public static Value Flatten(Value x, int fromAxis = 1)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfNegative(fromAxis);
        if (fromAxis > x.Shape.Rank)
        {
            throw x.Graph.Mismatch(
                "Flatten", $"rank {fromAxis} or more", $"rank {x.Shape.Rank}",
                $"input has rank {x.Shape.Rank}, expected {fromAxis} or more; input is {x.Shape}");
        }

        return To(x, x.Shape.Until(fromAxis).Concat(new Shape(x.Shape.From(fromAxis).Count)));
    }
}

internal sealed class ReshapeNode : Node
{
    public ReshapeNode(Value x, Shape shape)
        : base(x.Graph, x) => AddOutput(x.DType, shape);

    public override string OperatorName => "Reshape";

    public override object? Attributes => Outputs[0].Shape;

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradient ? Reshape.To(gradient, Inputs[0]!.Shape) : null];

    public override void Emit(ProgramWriter writer) => writer.Add(this, OperatorKind.Reshape);
}
