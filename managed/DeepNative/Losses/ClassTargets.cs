using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>Class indices as targets: which of them count, and with what weight.</summary>
internal sealed class ClassTargets
{
    private readonly Value _labels;

    public ClassTargets(Loss loss, Value output, Value labels, float[]? classWeights, int? ignoreIndex)
    {
        _labels = labels;
        var graph = labels.Graph;
        if (ignoreIndex is { } ignored)
        {
            Counted = Pointwise.NotEqual(labels, graph.Constant(ignored));
            _labels = Pointwise.Cast(Pointwise.Select(Counted, labels, graph.Constant(0f)), DType.Int32);
        }

        Weight = Counted;
        if (classWeights is null) return;
        var table = Table(loss, classWeights, output, 1);
        var flat = Gather.Rows(Reshape.To(table, [output.Shape[1]]), Reshape.To(_labels, [labels.Shape.Count]));
        Weight = Reshape.To(flat, labels.Shape);
        if (Counted is not null) Weight *= Counted;
    }

    /// <summary>1 where a label counts, 0 where it is the ignored one; null: all count.</summary>
    public Value? Counted { get; }

    /// <summary>The class's weight, 0 where a label is the ignored one; null: 1 everywhere.</summary>
    public Value? Weight { get; }

    /// <summary>What the mean divides by; null: the number of labels.</summary>
    public Value? Divisor => Weight is null ? null : Reduce.Sum(Weight);

    /// <summary>The element of each position's class, of the labels' shape; of class 0 where the label is ignored.</summary>
    public Value Pick(Value x) => Reshape.To(Gather.Along(x, Reshape.To(_labels, x.Shape.With(1, 1)), 1), _labels.Shape);

    /// <summary>Each position's loss times its class's weight; 0, whatever it was, where the label is ignored.</summary>
    public Value Weigh(Value losses) => Mask(Weight is null ? losses : losses * Weight);

    /// <summary>0, whatever it was, where the label is ignored.</summary>
    public Value Mask(Value losses) => Counted is null ? losses : Pointwise.Select(Counted, losses, losses.Graph.Constant(0f));

    /// <summary>The mean divides by the weights' sum, not by the number of labels.</summary>
    public Value Reduced(Reduction reduction, Value losses) => reduction == Reduction.Mean && Divisor is { } divisor
        ? Reduce.Sum(losses) / divisor
        : LossReduction.Apply(reduction, losses);

    /// <summary>Numbers for the classes of an axis, or one for all, as they broadcast with the output.</summary>
    public static Value Table(Loss loss, float[] numbers, Value output, int axis)
    {
        var shape = new Shape(numbers.Length);
        if (numbers.Length != 1 && numbers.Length != output.Shape[axis])
            throw new ShapeException(
                $"loss {loss.GetType().Name}: there are {numbers.Length} weights, expected {output.Shape[axis]} for an output of {output.Shape}",
                "loss", $"{output.Shape[axis]}", $"{numbers.Length}");
        for (var i = axis + 1; i < output.Shape.Rank; i++) shape = shape.Concat([1]);
        return output.Graph.Constant(numbers, shape);
    }
}
