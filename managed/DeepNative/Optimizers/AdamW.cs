namespace DeepNative.Optimizers;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov, Hutter: "Decoupled weight decay regularization", 2019):
/// w *= 1 - learning_rate * weight_decay, then <see cref="Adam"/>'s step, whose moments do not see the decay.
/// </summary>
/// <remarks>State and cost as of <see cref="Adam"/>; it is the same operator.</remarks>
public sealed class AdamW : Optimizer
{
    private readonly Adam _rule;

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="beta1">At least 0 and below 1.</param>
    /// <param name="beta2">At least 0 and below 1.</param>
    /// <param name="epsilon">Above 0.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public AdamW(float learningRate = 1e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 0.01f)
        : base(learningRate) => _rule = new Adam(learningRate, beta1, beta2, epsilon, weightDecay, decoupled: true);

    /// <summary>What is kept of the first moment.</summary>
    public float Beta1 => _rule.Beta1;

    /// <summary>What is kept of the second moment.</summary>
    public float Beta2 => _rule.Beta2;

    /// <summary>Added to the root of the second moment.</summary>
    public float Epsilon => _rule.Epsilon;

    /// <summary>The factor of the decay.</summary>
    public float WeightDecay => _rule.WeightDecay;

    /// <inheritdoc/>
    public override string ToString() => WithGroups(
        $"adamw learning_rate {LearningRate} beta1 {Beta1} beta2 {Beta2} epsilon {Epsilon} weight_decay {WeightDecay}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        Adam.CreateState(state, Alike(state, WeightDecay));
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients) =>
        _rule.Update(graph, state, gradients, Alike(state, WeightDecay));
}
