using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// A loss that is a number for each element or sample, and their mean or sum for the batch. By default
/// targets are numbers of the output's shape.
/// </summary>
public abstract class ReducedLoss : Loss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="reduction">How the batch's loss follows from its elements'.</param>
    protected ReducedLoss(Reduction reduction) => Reduction = reduction;

    /// <summary>How the batch's loss follows from its elements'.</summary>
    public Reduction Reduction { get; }

    /// <inheritdoc/>
    public override DType TargetType => DType.Float32;

    /// <inheritdoc/>
    public override Shape TargetShape(Shape output) => output;

    /// <inheritdoc/>
    public override Value Forward(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        LossChecks.Check(this, output, target);
        return LossReduction.Apply(Reduction, Losses(output, target));
    }

    /// <inheritdoc/>
    public override Value Forward(Value output, Value target, Value weight)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(weight);
        LossChecks.Check(this, output, target);
        var losses = Losses(output, target);
        return LossReduction.Apply(Reduction, losses * LossChecks.Leading(this, weight, losses.Shape));
    }

    /// <summary>The loss of each element or sample.</summary>
    /// <param name="output">The model's output.</param>
    /// <param name="target">Targets that fit.</param>
    /// <returns>Float32; its first axis is the batch.</returns>
    protected abstract Value Losses(Value output, Value target);
}
