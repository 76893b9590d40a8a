using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// Stochastic gradient descent, as PyTorch defines it: g += weight_decay * w; v = momentum * v + (1 - dampening) * g;
/// w -= learning_rate * (nesterov ? g + momentum * v : v). The first step takes v = g.
/// </summary>
/// <remarks>
/// State: "&lt;parameter&gt;.velocity" where momentum is not 0, and "step", int64 (), where dampening is not. All parameters
/// are updated by one operator; with <see cref="Optimizer.Groups"/> by one for each pair of rate and decay, with
/// dampening by one each.
/// </remarks>
public sealed class Sgd : Optimizer
{
    private const string Velocity = "velocity";

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="momentum">At least 0 and below 1.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <param name="nesterov">Looks ahead along the velocity; needs momentum, without dampening.</param>
    /// <param name="dampening">What the velocity does not take of the gradient, at least 0 and below 1; needs momentum.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    /// <exception cref="ArgumentException">Nesterov or dampening without momentum, or both together.</exception>
    public Sgd(float learningRate, float momentum = 0f, float weightDecay = 0f, bool nesterov = false, float dampening = 0f)
        : base(learningRate)
    {
        CheckFraction(dampening, nameof(dampening));
        CheckFraction(momentum, nameof(momentum));
        CheckNotNegative(weightDecay, nameof(weightDecay));
        if (nesterov && momentum == 0f) throw new ArgumentException("nesterov needs a momentum above 0.", nameof(nesterov));
        if (dampening != 0f && (momentum == 0f || nesterov))
            throw new ArgumentException("dampening needs a momentum above 0, without nesterov.", nameof(dampening));
        Momentum = momentum;
        WeightDecay = weightDecay;
        Nesterov = nesterov;
        Dampening = dampening;
    }

    /// <summary>What is kept of the velocity from step to step.</summary>
    public float Momentum { get; }

    /// <summary>The factor of the weights in the gradient.</summary>
    public float WeightDecay { get; }

    /// <summary>Whether the step looks ahead along the velocity.</summary>
    public bool Nesterov { get; }

    /// <summary>What the velocity does not take of the gradient.</summary>
    public float Dampening { get; }

    /// <inheritdoc/>
    public override string ToString() => WithGroups(
        $"sgd learning_rate {LearningRate} momentum {Momentum} weight_decay {WeightDecay}{(Nesterov ? " nesterov" : "")}{(Dampening != 0f ? FormattableString.Invariant($" dampening {Dampening}") : "")}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (Momentum != 0f) state.AddPerParameter(Velocity);
        if (Dampening != 0f) state.Add(StepCount.Name, DType.Int64, Shape.Scalar);
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(gradients);
        if (Dampening != 0f)
        {
            UpdateDampened(graph, state, gradients);
            return;
        }

        var (parameters, velocities) = (Parameters(graph, state), Momentum != 0f ? state.Bind(graph, Velocity) : []);
        foreach (var (factor, decay, members) in Alike(state, WeightDecay))
        {
            Operators.Optimizer.Sgd(
                Rate(graph, state, factor), members.ConvertAll(i => parameters[i]), members.ConvertAll(i => gradients[i]),
                Momentum != 0f ? members.ConvertAll(i => velocities[i]) : [], Momentum, decay, Nesterov);
        }
    }

    // The operator has no dampening.
    private void UpdateDampened(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        var step = new StepCount(graph, state);
        var share = Pointwise.Select(Pointwise.Greater(step.Value, graph.Constant(1f)), graph.Constant(1f - Dampening), graph.Constant(1f));
        foreach (var update in Updates(graph, state, gradients, WeightDecay))
        {
            var velocity = Momentum * update[Velocity] + share * update.DecayedGradient;
            update.Store(update.Weight - update.Rate * velocity, (Velocity, velocity));
        }

        step.Store();
    }
}
