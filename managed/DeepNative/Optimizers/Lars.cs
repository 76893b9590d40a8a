using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// LARS (You, Gitman, Ginsburg: "Large batch training of convolutional networks", 2017): SGD whose rate
/// follows each parameter's size. trust = coefficient * |w| / (|g| + weight_decay * |w| + epsilon);
/// v = momentum * v + learning_rate * trust * (g + weight_decay * w); w -= v. |x| is the Euclidean norm;
/// trust is 1 where |w| or |g| is 0.
/// </summary>
/// <remarks>
/// Parameters that are not adapted, by default those of rank 0 and 1 (biases, scales and shifts of
/// normalisations), have trust 1 and no weight decay, unless their group gives one. State: "&lt;parameter&gt;.velocity",
/// from 0. Two reductions and one update a parameter. The rate stands inside the velocity, as in the paper: after
/// a change of rate the velocity keeps the size of the old steps.
/// </remarks>
public sealed class Lars : Optimizer
{
    private const string Velocity = "velocity";

    private readonly Func<Parameter, bool> _adapts;

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="momentum">At least 0 and below 1.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <param name="trustCoefficient">Above 0.</param>
    /// <param name="epsilon">At least 0.</param>
    /// <param name="adapts">Which parameters are adapted; null: those of rank 2 and more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public Lars(
        float learningRate, float momentum = 0.9f, float weightDecay = 0f, float trustCoefficient = 1e-3f, float epsilon = 1e-8f,
        Func<Parameter, bool>? adapts = null)
        : base(learningRate)
    {
        CheckFraction(momentum, nameof(momentum));
        CheckNotNegative(weightDecay, nameof(weightDecay));
        CheckPositive(trustCoefficient, nameof(trustCoefficient));
        CheckNotNegative(epsilon, nameof(epsilon));
        Momentum = momentum;
        WeightDecay = weightDecay;
        TrustCoefficient = trustCoefficient;
        Epsilon = epsilon;
        _adapts = adapts ?? (static parameter => parameter.Shape.Rank >= 2);
    }

    /// <summary>What is kept of the velocity from step to step.</summary>
    public float Momentum { get; }

    /// <summary>The factor of the weights in the gradient of adapted parameters.</summary>
    public float WeightDecay { get; }

    /// <summary>A step's size beside its parameter's, at learning rate 1.</summary>
    public float TrustCoefficient { get; }

    /// <summary>Added to the gradient's norm.</summary>
    public float Epsilon { get; }

    /// <inheritdoc/>
    public override string ToString() => WithGroups(
        $"lars learning_rate {LearningRate} momentum {Momentum} weight_decay {WeightDecay} trust_coefficient {TrustCoefficient} epsilon {Epsilon}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (Momentum != 0f) state.AddPerParameter(Velocity);
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        foreach (var update in Updates(graph, state, gradients, WeightDecay))
        {
            var adapted = _adapts(update.Parameter);
            var gradient = adapted || GroupOf(update.Parameter)?.WeightDecay is not null ? update.DecayedGradient : update.Gradient;
            var rate = adapted ? update.Rate * Trust(graph, update) : update.Rate;
            var step = rate * gradient;
            if (Momentum == 0f)
            {
                update.Store(update.Weight - step);
                continue;
            }

            var velocity = Momentum * update[Velocity] + step;
            update.Store(update.Weight - velocity, (Velocity, velocity));
        }
    }

    private Value Trust(Graph graph, ParameterUpdate update)
    {
        var (weight, gradient) = (Norm(update.Weight), Norm(update.Gradient));
        var trust = TrustCoefficient * weight / (gradient + update.WeightDecay * weight + Epsilon);
        return Pointwise.Select(weight * gradient, trust, graph.Constant(1f));
    }

    private static Value Norm(Value x) => Pointwise.Sqrt(Reduce.Sum(x * x));
}
