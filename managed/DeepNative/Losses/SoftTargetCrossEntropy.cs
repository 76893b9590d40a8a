using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// The sum over the classes c of -weight[c] * target[c] * ln softmax(output)[c]: outputs (N, C) or (N, C, ...) are
/// logits, targets of the same shape distributions over the classes. The mean is over samples and positions.
/// </summary>
public sealed class SoftTargetCrossEntropy : ReducedLoss
{
    private readonly float[]? _classWeights;
    private readonly float _labelSmoothing;

    /// <summary>Creates the loss.</summary>
    /// <param name="classWeights">A factor for each class; null: 1.</param>
    /// <param name="labelSmoothing">e, 0 to 1: the target becomes (1 - e) * target + e / C.</param>
    /// <param name="reduction">How the batch's loss follows from its positions'.</param>
    /// <exception cref="ArgumentOutOfRangeException">The label smoothing is outside 0 to 1.</exception>
    public SoftTargetCrossEntropy(IReadOnlyList<float>? classWeights = null, float labelSmoothing = 0f, Reduction reduction = Reduction.Mean)
        : base(reduction)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(labelSmoothing);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(labelSmoothing, 1f);
        _classWeights = classWeights?.ToArray();
        _labelSmoothing = labelSmoothing;
    }

    /// <inheritdoc/>
    public override Shape TargetShape(Shape output)
    {
        LossChecks.LabelShape(this, output);
        return output;
    }

    /// <inheritdoc/>
    public override Value Predict(Value output) => Softmax.Apply(output, axis: 1);

    /// <inheritdoc/>
    public override Value? CountErrors(Value output, Value target) => LossChecks.CountWrongClasses(output, Reduce.ArgMax(target, axis: 1));

    /// <inheritdoc/>
    public override ClassComparison? Compare(Value output, Value target) => new(output, Reduce.ArgMax(target, axis: 1));

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        if (_labelSmoothing > 0f) target = (1f - _labelSmoothing) * target + _labelSmoothing / output.Shape[1];
        if (_classWeights is not null) target *= ClassTargets.Table(this, _classWeights, output, 1);
        return -Reduce.Sum(target * Softmax.Log(output, axis: 1), [1]);
    }
}
