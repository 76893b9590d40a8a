using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// NAdam (Dozat 2016), as PyTorch defines it: Adam with Nesterov's look ahead. At step t, from 1:
/// mu_t = beta1 * (1 - 0.5 * 0.96^(t * momentum_decay)), p_t = mu_1 * .. * mu_t, m and v as
/// <see cref="Adam"/>'s, v' = v / (1 - beta2^t), and w -= learning_rate *
/// ((1 - mu_t) / (1 - p_t) * g + mu_(t+1) / (1 - p_(t+1)) * m) / (sqrt(v') + epsilon).
/// </summary>
/// <remarks>
/// State: "&lt;parameter&gt;.moment1", "&lt;parameter&gt;.moment2", "step", int64 (), and "momentum_product" (p), (). One
/// operator a parameter.
/// </remarks>
public sealed class NAdam : Optimizer
{
    private const string Moment1 = "moment1";
    private const string Moment2 = "moment2";
    private const string Product = "momentum_product";

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="beta1">At least 0 and below 1.</param>
    /// <param name="beta2">At least 0 and below 1.</param>
    /// <param name="epsilon">Above 0.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <param name="momentumDecay">At least 0.</param>
    /// <param name="decoupled">Whether the decay bypasses the moments: w *= 1 - learning_rate * weight_decay first.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public NAdam(
        float learningRate = 2e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 0f,
        float momentumDecay = 4e-3f, bool decoupled = false)
        : base(learningRate)
    {
        CheckFraction(beta1, nameof(beta1));
        CheckFraction(beta2, nameof(beta2));
        CheckPositive(epsilon, nameof(epsilon));
        CheckNotNegative(weightDecay, nameof(weightDecay));
        CheckNotNegative(momentumDecay, nameof(momentumDecay));
        Beta1 = beta1;
        Beta2 = beta2;
        Epsilon = epsilon;
        WeightDecay = weightDecay;
        MomentumDecay = momentumDecay;
        Decoupled = decoupled;
    }

    /// <summary>What is kept of the first moment.</summary>
    public float Beta1 { get; }

    /// <summary>What is kept of the second moment.</summary>
    public float Beta2 { get; }

    /// <summary>Added to the root of the second moment.</summary>
    public float Epsilon { get; }

    /// <summary>The factor of the decay.</summary>
    public float WeightDecay { get; }

    /// <summary>How fast mu rises to beta1.</summary>
    public float MomentumDecay { get; }

    /// <summary>Whether the decay bypasses the moments.</summary>
    public bool Decoupled { get; }

    /// <inheritdoc/>
    public override string ToString() => WithGroups(
        $"nadam learning_rate {LearningRate} beta1 {Beta1} beta2 {Beta2} epsilon {Epsilon} weight_decay {WeightDecay} momentum_decay {MomentumDecay}{(Decoupled ? " decoupled" : "")}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        state.AddPerParameter(Moment1);
        state.AddPerParameter(Moment2);
        state.Add(StepCount.Name, DType.Int64, Shape.Scalar);
        state.AddNumber(Product, 1f);
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(state);
        var step = new StepCount(graph, state);
        var (now, next) = (Momentum(step.Value), Momentum(step.Value + 1f));
        var product = graph.Bind(state[Product], Product) * now;
        var (ofGradient, ofMoment) = ((1f - now) / (1f - product), next / (1f - product * next));
        var correction = step.OneMinusPower(Beta2);
        foreach (var update in Updates(graph, state, gradients, WeightDecay))
        {
            var gradient = Decoupled ? update.Gradient : update.DecayedGradient;
            var weight = Decoupled ? update.Weight * (1f - update.Rate * update.WeightDecay) : update.Weight;
            var moment1 = update.Average(Moment1, gradient, Beta1);
            var moment2 = update.Average(Moment2, gradient * gradient, Beta2);
            var direction = (ofGradient * gradient + ofMoment * moment1) / (Pointwise.Sqrt(moment2 / correction) + Epsilon);
            update.Store(weight - update.Rate * direction, (Moment1, moment1), (Moment2, moment2));
        }

        graph.Store(product, state[Product]);
        step.Store();
    }

    private Value Momentum(Value step) =>
        Beta1 * (1f - 0.5f * Pointwise.Exp(step * (float)(MomentumDecay * Math.Log(0.96))));
}
