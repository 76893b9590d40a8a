using DeepNative.Operators;

namespace DeepNative.Losses;

internal static class LossChecks
{
    public static void Check(Loss loss, Value output, Value target)
    {
        var expected = loss.TargetShape(output.Shape);
        if (target.Shape != expected || target.DType != loss.TargetType)
            throw new ShapeException(
                $"loss {loss.GetType().Name}: targets are {target.DType} {target.Shape}, expected {loss.TargetType} {expected} "
                + $"for an output of {output.Shape}", "loss", expected.ToString(), target.Shape.ToString());
    }

    /// <summary>Checks an operand of a loss that takes more than output and target.</summary>
    public static void Check(object loss, string operand, Value value, Shape expected)
    {
        ArgumentNullException.ThrowIfNull(value, operand);
        if (value.Shape != expected || value.DType != DType.Float32)
            throw new ShapeException(
                $"loss {loss.GetType().Name}: {operand} is {value.DType} {value.Shape}, expected {DType.Float32} {expected}", "loss",
                expected.ToString(), value.Shape.ToString());
    }

    /// <summary>The weight of some leading axes, as it broadcasts with all.</summary>
    public static Value Leading(object loss, Value weight, Shape shape)
    {
        if (weight.Shape.Rank <= shape.Rank) Check(loss, nameof(weight), weight, shape.Until(weight.Shape.Rank));
        else Check(loss, nameof(weight), weight, shape);
        var broadcast = weight.Shape;
        while (broadcast.Rank < shape.Rank) broadcast = broadcast.Concat([1]);
        return Reshape.To(weight, broadcast);
    }

    /// <summary>Labels' shape for outputs (N, C, ...).</summary>
    public static Shape LabelShape(Loss loss, Shape output)
    {
        if (output.Rank < 2)
            throw new ShapeException(
                $"loss {loss.GetType().Name}: the model's output is {output}, expected (N, classes) or (N, classes, ...)", "loss",
                "(N, classes, ...)", output.ToString());
        return output.Until(1).Concat(output.From(2));
    }

    /// <summary>The samples whose class with the largest output is wrong; of several positions in a sample, the part that is.</summary>
    public static Value CountWrongClasses(Value output, Value labels, Value? counted = null)
    {
        var wrong = Pointwise.NotEqual(Reduce.ArgMax(output, axis: 1), labels);
        if (counted is not null) wrong *= counted;
        return PerSample(wrong);
    }

    /// <summary>The sum of zeros and ones, each sample counted as one.</summary>
    public static Value PerSample(Value wrong) => Reduce.Sum(wrong) * (1f / wrong.Shape.From(1).Count);
}
