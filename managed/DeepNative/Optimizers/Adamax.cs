using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// AdaMax (Kingma, Ba 2015, section 7): g += weight_decay * w; m = beta1 * m + (1 - beta1) * g;
/// u = max(beta2 * u, |g| + epsilon); w -= learning_rate / (1 - beta1^t) * m / u at step t, from 1.
/// </summary>
/// <remarks>
/// State: "&lt;parameter&gt;.moment1" (m), "&lt;parameter&gt;.maximum" (u), from 0, and "step", int64 (). One operator a
/// parameter.
/// </remarks>
public sealed class Adamax : Optimizer
{
    private const string Moment1 = "moment1";
    private const string Maximum = "maximum";

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="beta1">At least 0 and below 1.</param>
    /// <param name="beta2">At least 0 and below 1.</param>
    /// <param name="epsilon">Above 0.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public Adamax(float learningRate = 2e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 0f)
        : base(learningRate)
    {
        CheckFraction(beta1, nameof(beta1));
        CheckFraction(beta2, nameof(beta2));
        CheckPositive(epsilon, nameof(epsilon));
        CheckNotNegative(weightDecay, nameof(weightDecay));
        Beta1 = beta1;
        Beta2 = beta2;
        Epsilon = epsilon;
        WeightDecay = weightDecay;
    }

    /// <summary>What is kept of the first moment.</summary>
    public float Beta1 { get; }

    /// <summary>What is kept of the maximum.</summary>
    public float Beta2 { get; }

    /// <summary>Added to the gradient's size.</summary>
    public float Epsilon { get; }

    /// <summary>The factor of the weights in the gradient.</summary>
    public float WeightDecay { get; }

    /// <inheritdoc/>
    public override string ToString() => WithGroups(
        $"adamax learning_rate {LearningRate} beta1 {Beta1} beta2 {Beta2} epsilon {Epsilon} weight_decay {WeightDecay}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        state.AddPerParameter(Moment1);
        state.AddPerParameter(Maximum);
        state.Add(StepCount.Name, DType.Int64, Shape.Scalar);
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(state);
        var step = new StepCount(graph, state);
        var correction = step.OneMinusPower(Beta1);
        foreach (var update in Updates(graph, state, gradients, WeightDecay))
        {
            var gradient = update.DecayedGradient;
            var moment = update.Average(Moment1, gradient, Beta1);
            var maximum = Pointwise.Maximum(Beta2 * update[Maximum], Pointwise.Abs(gradient) + Epsilon);
            update.Store(update.Weight - update.Rate / correction * (moment / maximum), (Moment1, moment), (Maximum, maximum));
        }

        step.Store();
    }
}
