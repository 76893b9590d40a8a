using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// -weight[target] * output[target]: outputs (N, C) or (N, C, ...) are logarithms of probabilities, targets (N) or
/// (N, ...) class indices. The mean is over the weights of the labels that count.
/// </summary>
/// <remarks>Behind a linear layer <see cref="SoftmaxCrossEntropy"/> does softmax and loss at once.</remarks>
public sealed class NegativeLogLikelihood : ReducedLoss
{
    private readonly float[]? _classWeights;
    private readonly int? _ignoreIndex;

    /// <summary>Creates the loss.</summary>
    /// <param name="classWeights">A factor for each class; null: 1.</param>
    /// <param name="ignoreIndex">Positions with this label do not count; null: none.</param>
    /// <param name="reduction">How the batch's loss follows from its positions'.</param>
    public NegativeLogLikelihood(IReadOnlyList<float>? classWeights = null, int? ignoreIndex = null, Reduction reduction = Reduction.Mean)
        : base(reduction)
    {
        _classWeights = classWeights?.ToArray();
        _ignoreIndex = ignoreIndex;
    }

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
        var targets = Targets(output, target);
        return targets.Reduced(Reduction, Losses(output, targets));
    }

    /// <inheritdoc/>
    public override Value? Divisor(Value output, Value target) =>
        Reduction == Reduction.Mean ? Targets(output, target).Divisor : null;

    /// <inheritdoc/>
    public override Value Predict(Value output) => Pointwise.Exp(output);

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

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        return Losses(output, Targets(output, target));
    }

    private static Value Losses(Value output, ClassTargets targets) => targets.Weigh(-targets.Pick(output));

    private ClassTargets Targets(Value output, Value target) => new(this, output, target, _classWeights, _ignoreIndex);
}
