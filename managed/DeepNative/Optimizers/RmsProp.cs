using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// RMSProp (Tieleman, Hinton 2012), as PyTorch defines it: g += weight_decay * w;
/// s = alpha * s + (1 - alpha) * g^2; d = sqrt(s) + epsilon; v = momentum * v + g / d;
/// w -= learning_rate * v. Centred (Graves 2013): a = alpha * a + (1 - alpha) * g and
/// d = sqrt(s - a^2) + epsilon.
/// </summary>
/// <remarks>
/// State: "&lt;parameter&gt;.square_average" (s), where momentum is not 0 "&lt;parameter&gt;.velocity" (v), where
/// centred "&lt;parameter&gt;.average" (a), all from 0. One operator a parameter.
/// </remarks>
public sealed class RmsProp : Optimizer
{
    private const string SquareAverage = "square_average";
    private const string GradientAverage = "average";
    private const string Velocity = "velocity";

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="alpha">What is kept of the averages, at least 0 and below 1.</param>
    /// <param name="epsilon">Above 0.</param>
    /// <param name="momentum">At least 0 and below 1.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <param name="centered">Whether the gradient is divided by its deviation instead of its root mean square.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public RmsProp(
        float learningRate = 0.01f, float alpha = 0.99f, float epsilon = 1e-8f, float momentum = 0f, float weightDecay = 0f,
        bool centered = false)
        : base(learningRate)
    {
        CheckFraction(alpha, nameof(alpha));
        CheckPositive(epsilon, nameof(epsilon));
        CheckFraction(momentum, nameof(momentum));
        CheckNotNegative(weightDecay, nameof(weightDecay));
        Alpha = alpha;
        Epsilon = epsilon;
        Momentum = momentum;
        WeightDecay = weightDecay;
        Centered = centered;
    }

    /// <summary>What is kept of the averages.</summary>
    public float Alpha { get; }

    /// <summary>Added to the root.</summary>
    public float Epsilon { get; }

    /// <summary>What is kept of the velocity from step to step.</summary>
    public float Momentum { get; }

    /// <summary>The factor of the weights in the gradient.</summary>
    public float WeightDecay { get; }

    /// <summary>Whether the gradient is divided by its deviation.</summary>
    public bool Centered { get; }

    /// <inheritdoc/>
    public override string ToString() => WithGroups(
        $"rmsprop learning_rate {LearningRate} alpha {Alpha} epsilon {Epsilon} momentum {Momentum} weight_decay {WeightDecay}{(Centered ? " centered" : "")}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        state.AddPerParameter(SquareAverage);
        if (Centered) state.AddPerParameter(GradientAverage);
        if (Momentum != 0f) state.AddPerParameter(Velocity);
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        foreach (var update in Updates(graph, state, gradients, WeightDecay))
        {
            var gradient = update.DecayedGradient;
            var squares = update.Average(SquareAverage, gradient * gradient, Alpha);
            var stored = new List<(string, Value)> { (SquareAverage, squares) };
            var variance = squares;
            if (Centered)
            {
                var average = update.Average(GradientAverage, gradient, Alpha);
                stored.Add((GradientAverage, average));

                // Equal gradients leave a difference of roundings, which may be below 0.
                variance = Pointwise.Maximum(squares - average * average, graph.Constant(0f));
            }

            var step = gradient / (Pointwise.Sqrt(variance) + Epsilon);
            if (Momentum != 0f)
            {
                step = Momentum * update[Velocity] + step;
                stored.Add((Velocity, step));
            }

            update.Store(update.Weight - update.Rate * step, [.. stored]);
        }
    }
}
