using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// The mean over the batch of -ln(softmax(output)[target]): outputs (N, C) are logits, targets (N) class
/// indices, 0 to C - 1. Softmax and loss are one operator; large logits do not overflow.
/// </summary>
public sealed class SoftmaxCrossEntropy : Loss
{
    /// <inheritdoc/>
    public override DType TargetType => DType.Int32;

    /// <inheritdoc/>
    public override Shape TargetShape(Shape output)
    {
        if (output.Rank != 2)
            throw new ShapeException(
                $"loss SoftmaxCrossEntropy: the model's output is {output}, expected (N, classes)", "loss", "(N, classes)",
                output.ToString());
        return new Shape(output[0]);
    }

    /// <inheritdoc/>
    public override long? Classes(Shape output) => output[1];

    /// <inheritdoc/>
    public override Value Forward(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        LossChecks.Check(this, output, target);
        return Softmax.CrossEntropy(output, target);
    }

    /// <inheritdoc/>
    public override Value Predict(Value output)
    {
        ArgumentNullException.ThrowIfNull(output);
        return Softmax.Apply(output, axis: 1);
    }

    /// <inheritdoc/>
    public override Value? CountErrors(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        return Reduce.Sum(Pointwise.NotEqual(Reduce.ArgMax(output, axis: 1), target));
    }
}
