using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Several values side by side.</summary>
/// <remarks>Any data type, the same for all. Axes below 0 are counted from the end.</remarks>
public static class Concat
{
    private const string Title = "Concat";

    /// <summary>Joins values along an axis that they have.</summary>
    /// <param name="axis">The axis.</param>
    /// <param name="values">One or more, whose shapes differ only along the axis.</param>
    /// <returns>Their elements in the order given; the axis's extents are added up.</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    /// <exception cref="ArgumentException">There is no value.</exception>
    public static Value Along(int axis, params ReadOnlySpan<Value> values)
    {
        var first = First(values);
        axis = Axes.Resolve(Title, first, axis);
        var extent = 0L;
        for (var i = 0; i < values.Length; i++)
        {
            var (value, shape) = (values[i], values[i].Shape);
            first.Graph.CheckDType(Title, $"input {i}", value, first.DType);
            if (shape.Rank != first.Shape.Rank || shape.With(axis, 0) != first.Shape.With(axis, 0))
            {
                throw first.Graph.Mismatch(
                    Title, $"{first.Shape}, but for axis {axis}", shape.ToString(),
                    $"input {i} is {shape} and input 0 is {first.Shape}: they may differ only along axis {axis}");
            }

            extent += shape[axis];
        }

        return values.Length == 1 ? first : first.Graph.Add(new ConcatNode(values, axis, first.Shape.With(axis, extent))).Outputs[0];
    }

    /// <summary>Joins values of one shape along a new axis.</summary>
    /// <param name="axis">Where the new axis stands in the result.</param>
    /// <param name="values">One or more of the same shape.</param>
    /// <returns>A value of one axis more, whose extent is the count of values.</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    /// <exception cref="ArgumentException">There is no value.</exception>
    public static Value Stack(int axis, params ReadOnlySpan<Value> values)
    {
        var first = First(values);
        axis = Axes.Resolve("Stack", first, axis, first.Shape.Rank + 1);
        var parts = new Value[values.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            first.Graph.CheckShape("Stack", $"input {i}", values[i], first.Shape);
            parts[i] = Reshape.Unsqueeze(values[i], axis);
        }

        return Along(axis, parts);
    }

    private static Value First(ReadOnlySpan<Value> values)
    {
        if (values.IsEmpty) throw new ArgumentException("there is nothing to join.", nameof(values));
        foreach (var value in values) ArgumentNullException.ThrowIfNull(value, nameof(values));
        return values[0];
    }
}

internal sealed class ConcatNode : Node
{
    public ConcatNode(ReadOnlySpan<Value> values, int axis, Shape shape)
        : base(values[0].Graph, [.. values])
    {
        Axis = axis;
        AddOutput(values[0].DType, shape);
    }

    public int Axis { get; }

    public override string OperatorName => "Concat";

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Concat, Inputs: NodeData.All);

    public override object? Attributes => Axis;

    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[Inputs.Count];
        if (context.GradOutput(0) is not { } gradient) return gradients;
        var start = 0L;
        for (var i = 0; i < gradients.Length; i++)
        {
            var extent = Inputs[i]!.Shape[Axis];
            if (context.Needs(i)) gradients[i] = Slice.Narrow(gradient, Axis, start, extent);
            start += extent;
        }

        return gradients;
    }

    public override void Emit(ProgramWriter writer) => writer.Add(this, OperatorKind.Concat, new ConcatAttributes { Axis = Axis });
}
