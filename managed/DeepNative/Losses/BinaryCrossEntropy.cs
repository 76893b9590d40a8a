using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// -(p * target * ln sigmoid(output) + (1 - target) * ln sigmoid(-output)) of every element: outputs are logits,
/// targets probabilities, 0 to 1. Neither large logits nor their tails lose digits.
/// </summary>
public sealed class BinaryCrossEntropy : ReducedLoss
{
    private readonly float[]? _positiveWeights;

    /// <summary>Creates the loss.</summary>
    /// <param name="positiveWeights">
    /// p, the factor of positive examples: one number, or one for each element of the output's last axis; null: 1.
    /// </param>
    /// <param name="reduction">How the batch's loss follows from its elements'.</param>
    public BinaryCrossEntropy(IReadOnlyList<float>? positiveWeights = null, Reduction reduction = Reduction.Mean)
        : base(reduction) => _positiveWeights = positiveWeights?.ToArray();

    /// <inheritdoc/>
    public override Value Predict(Value output) => Pointwise.Sigmoid(output);

    /// <inheritdoc/>
    public override Value? CountErrors(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        var graph = output.Graph;
        var (found, expected) = (Pointwise.Greater(output, graph.Constant(0f)), Pointwise.Greater(target, graph.Constant(0.5f)));
        return LossChecks.PerSample(Pointwise.NotEqual(found, expected));
    }

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        var positive = target * Activations.Softplus(-output);
        if (_positiveWeights is not null) positive *= ClassTargets.Table(this, _positiveWeights, output, output.Shape.Rank - 1);
        return positive + (1f - target) * Activations.Softplus(output);
    }
}
