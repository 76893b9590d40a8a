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

    /// <summary>Takes apart one axis: (N, 6, H) with axis 1 and (2, 3) becomes (N, 2, 3, H).</summary>
    /// <param name="x">Any shape with that axis.</param>
    /// <param name="axis">The axis; below 0 it is counted from the end.</param>
    /// <param name="shape">What it becomes; as many elements as its extent.</param>
    /// <returns>The value under the new shape.</returns>
    /// <exception cref="ShapeException">There is no such axis, or the numbers of elements differ.</exception>
    public static Value Unflatten(Value x, int axis, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(x);
        axis = Axes.Resolve("Unflatten", x, axis);
        if (shape.Count != x.Shape[axis])
        {
            throw x.Graph.Mismatch(
                "Unflatten", $"{x.Shape[axis]} elements", $"{shape.Count} elements",
                $"{shape} has {shape.Count} elements, axis {axis} of the input {x.Shape} has {x.Shape[axis]}");
        }

        return To(x, x.Shape.Until(axis).Concat(shape).Concat(x.Shape.From(axis + 1)));
    }

    /// <summary>Removes an axis of extent 1.</summary>
    /// <param name="x">Any shape with that axis.</param>
    /// <param name="axis">The axis; below 0 it is counted from the end.</param>
    /// <returns>A value of one axis less.</returns>
    /// <exception cref="ShapeException">There is no such axis, or its extent is not 1.</exception>
    public static Value Squeeze(Value x, int axis)
    {
        ArgumentNullException.ThrowIfNull(x);
        axis = Axes.Resolve("Squeeze", x, axis);
        if (x.Shape[axis] != 1)
            throw x.Graph.Mismatch("Squeeze", "extent 1", $"extent {x.Shape[axis]}", $"axis {axis} has extent {x.Shape[axis]}, expected 1; input is {x.Shape}");
        return To(x, x.Shape.Until(axis).Concat(x.Shape.From(axis + 1)));
    }

    /// <summary>Adds an axis of extent 1.</summary>
    /// <param name="x">Any shape of at most 7 axes.</param>
    /// <param name="axis">Where it stands in the result; -1 is the last.</param>
    /// <returns>A value of one axis more.</returns>
    /// <exception cref="ShapeException">There is no such place, or no room for one more axis.</exception>
    public static Value Unsqueeze(Value x, int axis)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Shape.Rank == Shape.MaxRank)
            throw x.Graph.Mismatch("Unsqueeze", $"rank {Shape.MaxRank - 1} or less", $"rank {x.Shape.Rank}", $"input has rank {x.Shape.Rank}, expected {Shape.MaxRank - 1} or less; input is {x.Shape}");
        axis = Axes.Resolve("Unsqueeze", x, axis, x.Shape.Rank + 1);
        return To(x, x.Shape.Until(axis).Concat(new Shape(1L)).Concat(x.Shape.From(axis)));
    }
}

internal sealed class ReshapeNode : Node
{
    public ReshapeNode(Value x, Shape shape)
        : base(x.Graph, x) => AddOutput(x.DType, shape);

    public override string OperatorName => "Reshape";

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Reshape);

    public override object? Attributes => Outputs[0].Shape;

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradient ? Reshape.To(gradient, Inputs[0]!.Shape) : null];

    public override void Emit(ProgramWriter writer) => writer.Add(this, OperatorKind.Reshape);
}
