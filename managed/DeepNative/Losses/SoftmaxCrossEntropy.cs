using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// The mean over the batch of -ln(softmax(output)[target]): outputs (N, C) or (N, C, ...) are logits, targets (N) or
/// (N, ...) class indices, 0 to C - 1. Softmax and loss are one operator; large logits do not overflow.
/// </summary>
public sealed class SoftmaxCrossEntropy : Loss
{
    private readonly float[]? _classWeights;
    private readonly float _labelSmoothing;
    private readonly int? _ignoreIndex;
    private readonly Reduction _reduction;

    /// <summary>Creates the loss.</summary>
    /// <param name="classWeights">A factor for each class, by which the mean divides again; null: 1.</param>
    /// <param name="labelSmoothing">e, 0 to 1: the target is (1 - e) at the label and e / C at every class.</param>
    /// <param name="ignoreIndex">Positions with this label do not count, in the mean's divisor neither; null: none.</param>
    /// <param name="reduction">How the batch's loss follows from its positions'.</param>
    /// <exception cref="ArgumentOutOfRangeException">The label smoothing is outside 0 to 1.</exception>
    public SoftmaxCrossEntropy(
        IReadOnlyList<float>? classWeights = null, float labelSmoothing = 0f, int? ignoreIndex = null, Reduction reduction = Reduction.Mean)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(labelSmoothing);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(labelSmoothing, 1f);
        _classWeights = classWeights?.ToArray();
        _labelSmoothing = labelSmoothing;
        _ignoreIndex = ignoreIndex;
        _reduction = reduction;
    }

    /// <summary>The same loss with other numbers.</summary>
    /// <param name="classWeights">A factor for each class; null: as it is.</param>
    /// <param name="labelSmoothing">0 to 1; null: as it is.</param>
    /// <returns>The loss; this one stays.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The label smoothing is outside 0 to 1.</exception>
    public SoftmaxCrossEntropy With(IReadOnlyList<float>? classWeights = null, float? labelSmoothing = null) =>
        new(classWeights ?? _classWeights, labelSmoothing ?? _labelSmoothing, _ignoreIndex, _reduction);

    /// <inheritdoc/>
    public override int? IgnoreIndex => _ignoreIndex;

    /// <inheritdoc/>
    public override DType TargetType => DType.Int32;

    /// <inheritdoc/>
    public override Shape TargetShape(Shape output) => LossChecks.LabelShape(this, output);

    /// <inheritdoc/>
    public override long? Classes(Shape output) => _ignoreIndex is null ? output[1] : null;

    /// <inheritdoc/>
    public override Value Forward(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        LossChecks.Check(this, output, target);
        return Add(output, target, weight: null);
    }

    /// <summary>
    /// Adds the loss with a factor for each position, such as U-Net's map that stresses borders (Ronneberger, Fischer,
    /// Brox 2015). The mean divides as it does without them.
    /// </summary>
    /// <param name="output">(N, C) or (N, C, ...).</param>
    /// <param name="target">(N) or (N, ...), Int32.</param>
    /// <param name="weight">Float32 of the targets' leading axes: (N), or (N, ...).</param>
    /// <returns>A float32 value of shape ().</returns>
    /// <exception cref="ShapeException">Output, target and weight do not fit.</exception>
    public override Value Forward(Value output, Value target, Value weight)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(weight);
        LossChecks.Check(this, output, target);
        return Add(output, target, Pointwise.Expand(LossChecks.Leading(this, weight, target.Shape), target));
    }

    /// <inheritdoc/>
    public override Value? Divisor(Value output, Value target) =>
        _reduction == Reduction.Mean ? Targets(output, target).Divisor : null;

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
        return LossChecks.CountWrongClasses(output, target, Targets(output, target).Counted);
    }

    /// <inheritdoc/>
    public override ClassComparison? Compare(Value output, Value target) =>
        new(output, target) { Counted = Targets(output, target).Counted };

    private Value Add(Value output, Value target, Value? weight)
    {
        // A smoothed target of weighted classes has no form as one factor for each position.
        if (_reduction == Reduction.None || (_classWeights is not null && _labelSmoothing > 0f)) return Composed(output, target, weight);
        if (_classWeights is null && (_ignoreIndex is null || _reduction != Reduction.Mean))
            return Softmax.CrossEntropy(output, target, weight, _labelSmoothing, _ignoreIndex, Scale(target.Shape));
        var targets = Targets(output, target);
        var factor = _classWeights is null ? weight : weight is null ? targets.Weight : targets.Weight! * weight;
        var sum = Softmax.CrossEntropy(output, target, factor, _labelSmoothing, _ignoreIndex, _reduction == Reduction.Mean ? 1f : Scale(target.Shape));
        return _reduction == Reduction.Mean ? sum / targets.Divisor! : sum;
    }

    private Value Composed(Value output, Value target, Value? weight)
    {
        var targets = Targets(output, target);
        var logarithms = Softmax.Log(output, axis: 1);
        var losses = targets.Weigh(-targets.Pick(logarithms));
        if (_labelSmoothing > 0f)
        {
            if (_classWeights is not null) logarithms *= ClassTargets.Table(this, _classWeights, output, 1);
            var all = targets.Mask(-Reduce.Sum(logarithms, [1]));
            losses = (1f - _labelSmoothing) * losses + _labelSmoothing / output.Shape[1] * all;
        }

        if (weight is not null) losses *= weight;
        return targets.Reduced(_reduction, losses);
    }

    private float Scale(Shape labels) => _reduction switch
    {
        Reduction.Sum => 1f,
        Reduction.BatchMean => 1f / labels[0],
        _ => 1f / labels.Count,
    };

    private ClassTargets Targets(Value output, Value target) => new(this, output, target, _classWeights, _ignoreIndex);
}
