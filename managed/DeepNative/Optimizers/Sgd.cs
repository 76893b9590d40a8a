using System.Globalization;

namespace DeepNative.Optimizers;

/// <summary>
/// Stochastic gradient descent, as PyTorch defines it: g += weight_decay * w; v = momentum * v + g;
/// w -= learning_rate * (nesterov ? g + momentum * v : v). v starts at 0.
/// </summary>
/// <remarks>State: "&lt;parameter&gt;.velocity" where momentum is not 0. All parameters are updated by one operator.</remarks>
public sealed class Sgd : Optimizer
{
    private const string Velocity = "velocity";

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="momentum">At least 0 and below 1.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <param name="nesterov">Looks ahead along the velocity; needs momentum.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    /// <exception cref="ArgumentException">Nesterov without momentum.</exception>
    public Sgd(float learningRate, float momentum = 0f, float weightDecay = 0f, bool nesterov = false)
        : base(learningRate)
    {
        CheckFraction(momentum, nameof(momentum));
        CheckNotNegative(weightDecay, nameof(weightDecay));
        if (nesterov && momentum == 0f) throw new ArgumentException("nesterov needs a momentum above 0.", nameof(nesterov));
        Momentum = momentum;
        WeightDecay = weightDecay;
        Nesterov = nesterov;
    }

    /// <summary>What is kept of the velocity from step to step.</summary>
    public float Momentum { get; }

    /// <summary>The factor of the weights in the gradient.</summary>
    public float WeightDecay { get; }

    /// <summary>Whether the step looks ahead along the velocity.</summary>
    public bool Nesterov { get; }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"sgd learning_rate {LearningRate} momentum {Momentum} weight_decay {WeightDecay}{(Nesterov ? " nesterov" : "")}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (Momentum != 0f) state.AddPerParameter(Velocity);
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(state);
        Operators.Optimizer.Sgd(
            graph.Bind(state.LearningRate, "learning_rate"), Parameters(graph, state), gradients,
            Momentum != 0f ? state.Bind(graph, Velocity) : [], Momentum, WeightDecay, Nesterov);
    }
}
