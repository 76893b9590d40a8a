using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// ADADELTA (Zeiler 2012): g += weight_decay * w; v = rho * v + (1 - rho) * g^2;
/// delta = sqrt(u + epsilon) / sqrt(v + epsilon) * g; u = rho * u + (1 - rho) * delta^2;
/// w -= learning_rate * delta.
/// </summary>
/// <remarks>
/// State: "&lt;parameter&gt;.square_average" (v) and "&lt;parameter&gt;.step_average" (u), from 0. One operator a parameter.
/// </remarks>
public sealed class Adadelta : Optimizer
{
    private const string SquareAverage = "square_average";
    private const string StepAverage = "step_average";

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0; the paper has none, that is 1.</param>
    /// <param name="rho">What is kept of both averages, at least 0 and below 1.</param>
    /// <param name="epsilon">Above 0.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public Adadelta(float learningRate = 1f, float rho = 0.9f, float epsilon = 1e-6f, float weightDecay = 0f)
        : base(learningRate)
    {
        CheckFraction(rho, nameof(rho));
        CheckPositive(epsilon, nameof(epsilon));
        CheckNotNegative(weightDecay, nameof(weightDecay));
        Rho = rho;
        Epsilon = epsilon;
        WeightDecay = weightDecay;
    }

    /// <summary>What is kept of both averages.</summary>
    public float Rho { get; }

    /// <summary>Added to both averages.</summary>
    public float Epsilon { get; }

    /// <summary>The factor of the weights in the gradient.</summary>
    public float WeightDecay { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        WithGroups($"adadelta learning_rate {LearningRate} rho {Rho} epsilon {Epsilon} weight_decay {WeightDecay}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        state.AddPerParameter(SquareAverage);
        state.AddPerParameter(StepAverage);
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        foreach (var update in Updates(graph, state, gradients, WeightDecay))
        {
            var gradient = update.DecayedGradient;
            var squares = update.Average(SquareAverage, gradient * gradient, Rho);
            var delta = Pointwise.Sqrt(update[StepAverage] + Epsilon) / Pointwise.Sqrt(squares + Epsilon) * gradient;
            var steps = update.Average(StepAverage, delta * delta, Rho);
            update.Store(update.Weight - update.Rate * delta, (SquareAverage, squares), (StepAverage, steps));
        }
    }
}
