using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>More elements around a value: a constant, its mirror image, or its outermost elements.</summary>
/// <remarks>
/// Any data type; gradients only for float32. All throw <see cref="ShapeException"/> where a number is below
/// 0, too large for the mode, or the counts of numbers and axes differ.
/// </remarks>
public static class Pad
{
    internal const string Title = "Pad";

    /// <summary>Surrounds a value with a constant.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="begin">How many elements to add before each axis, 0 or more.</param>
    /// <param name="end">How many to add behind each axis, 0 or more.</param>
    /// <param name="value">The constant, converted to the data type: rounded to nearest even, saturated.</param>
    /// <returns>A value of extent begin + extent + end along each axis.</returns>
    public static Value Constant(Value x, ReadOnlySpan<long> begin, ReadOnlySpan<long> end, float value = 0f) => Of(PadMode.Constant, x, begin, end, value);

    /// <summary>Mirrors a value at its outermost elements, which are not repeated: c b | a b c | b a.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="begin">How many elements to add before each axis, less than its extent.</param>
    /// <param name="end">How many to add behind each axis, less than its extent.</param>
    /// <returns>A value of extent begin + extent + end along each axis.</returns>
    public static Value Reflect(Value x, ReadOnlySpan<long> begin, ReadOnlySpan<long> end) => Of(PadMode.Reflect, x, begin, end, 0f);

    /// <summary>Repeats the outermost elements of a value: a a | a b c | c c.</summary>
    /// <param name="x">Any shape; no element is repeated along an axis of extent 0.</param>
    /// <param name="begin">How many elements to add before each axis, 0 or more.</param>
    /// <param name="end">How many to add behind each axis, 0 or more.</param>
    /// <returns>A value of extent begin + extent + end along each axis.</returns>
    public static Value Edge(Value x, ReadOnlySpan<long> begin, ReadOnlySpan<long> end) => Of(PadMode.Edge, x, begin, end, 0f);

    /// <summary>Elements `step` apart, with zeros between and around: what a strided slice's gradient is.</summary>
    internal static Value Spread(Value x, long[] begin, long[] end, long[] step)
    {
        Span<long> extents = stackalloc long[x.Shape.Rank];
        for (var axis = 0; axis < extents.Length; axis++)
        {
            if (x.Shape[axis] <= 1) step[axis] = 1;
            extents[axis] = begin[axis] + (x.Shape[axis] > 0 ? (x.Shape[axis] - 1) * step[axis] + 1 : 0) + end[axis];
        }

        return Add(PadMode.Constant, x, begin, step, new Shape(extents), 0f);
    }

    internal static Value Add(PadMode mode, Value x, long[] begin, long[] step, Shape shape, float value)
    {
        var amount = new PadAmount(mode, begin, step, value);
        return shape == x.Shape ? x : x.Graph.Add(new PadNode(x, amount, shape)).Outputs[0];
    }

    private static Value Of(PadMode mode, Value x, ReadOnlySpan<long> begin, ReadOnlySpan<long> end, float value)
    {
        ArgumentNullException.ThrowIfNull(x);
        Axes.CheckCount(Title, x, "begin", begin.Length);
        Axes.CheckCount(Title, x, "end", end.Length);
        Span<long> extents = stackalloc long[x.Shape.Rank];
        for (var axis = 0; axis < extents.Length; axis++)
        {
            var extent = x.Shape[axis];
            var most = mode == PadMode.Reflect ? Math.Max(extent - 1, 0) : mode == PadMode.Edge && extent == 0 ? 0 : int.MaxValue;
            if (begin[axis] < 0 || end[axis] < 0 || begin[axis] > most || end[axis] > most)
            {
                throw x.Graph.Mismatch(
                    Title, $"0 to {most}", $"{begin[axis]} and {end[axis]}",
                    $"axis {axis} of extent {extent} is padded by {begin[axis]} and {end[axis]}, expected 0 to {most}; input is {x.Shape}");
            }

            extents[axis] = begin[axis] + extent + end[axis];
        }

        var step = new long[x.Shape.Rank];
        Array.Fill(step, 1);
        return Add(mode, x, begin.ToArray(), step, new Shape(extents), value);
    }
}

/// <summary>The attributes of a padding; what is added behind follows from the shapes.</summary>
internal sealed record PadAmount(PadMode Mode, long[] Begin, long[] Step, float Value)
{
    public bool Equals(PadAmount? other) =>
        other is not null && Mode == other.Mode && Value.Equals(other.Value) && Begin.AsSpan().SequenceEqual(other.Begin) && Step.AsSpan().SequenceEqual(other.Step);

    public override int GetHashCode() => HashCode.Combine(Mode, Value);

    public void Emit(ProgramWriter writer, Node node, Direction direction, Shape x, Shape y)
    {
        var attributes = new PadAttributes { Direction = direction, Mode = Mode, Value = Value };
        for (var axis = 0; axis < x.Rank; axis++)
        {
            attributes.Begin[axis] = Begin[axis];
            attributes.End[axis] = y[axis] - Begin[axis] - (x[axis] > 0 ? (x[axis] - 1) * Step[axis] + 1 : 0);
            attributes.Step[axis] = Step[axis];
        }

        writer.Add(node, OperatorKind.Pad, attributes);
    }
}

internal sealed class PadNode : Node
{
    public PadNode(Value x, PadAmount amount, Shape shape)
        : base(x.Graph, x)
    {
        Amount = amount;
        AddOutput(x.DType, shape);
    }

    public PadAmount Amount { get; }

    public override string OperatorName => Pad.Title;

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Pad);

    public override object? Attributes => Amount;

    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradient) return [null];
        var x = Inputs[0]!.Shape;
        return Amount.Mode == PadMode.Constant
            ? [Slice.Take(gradient, [.. Amount.Begin], [.. Amount.Step], x)]
            : [Graph.Add(new PadBackwardNode(gradient, Amount, x)).Outputs[0]];
    }

    public override void Emit(ProgramWriter writer) => Amount.Emit(writer, this, Direction.Forward, Inputs[0]!.Shape, Outputs[0].Shape);
}

/// <summary>Input grad_output; output grad_input: the sums over all that were copied from one element.</summary>
internal sealed class PadBackwardNode : Node
{
    public PadBackwardNode(Value gradOutput, PadAmount amount, Shape shape)
        : base(gradOutput.Graph, gradOutput)
    {
        Amount = amount;
        AddOutput(gradOutput.DType, shape);
    }

    public PadAmount Amount { get; }

    public override string OperatorName => Pad.Title;

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Pad, Backward: true);

    public override object? Attributes => Amount;

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradient ? Pad.Add(Amount.Mode, gradient, Amount.Begin, Amount.Step, Inputs[0]!.Shape, 0f) : null];

    public override void Emit(ProgramWriter writer) => Amount.Emit(writer, this, Direction.BackwardData, Outputs[0].Shape, Inputs[0]!.Shape);
}
