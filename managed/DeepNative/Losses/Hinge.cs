using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>max(0, margin - target * output), or its square, of every element; targets are 1 or -1 (Cortes, Vapnik 1995).</summary>
/// <param name="margin">What the right side is to be beyond.</param>
/// <param name="squared">Whether the excess is squared, which makes the gradient continuous.</param>
/// <param name="reduction">How the batch's loss follows from its elements'.</param>
public sealed class Hinge(float margin = 1f, bool squared = false, Reduction reduction = Reduction.Mean) : ReducedLoss(reduction)
{
    /// <inheritdoc/>
    public override Value? CountErrors(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        return LossChecks.PerSample(1f - Pointwise.Greater(output * target, output.Graph.Constant(0f)));
    }

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        var excess = Activations.Relu(margin - target * output);
        return squared ? excess * excess : excess;
    }
}
