using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// AdaGrad (Duchi, Hazan, Singer 2011): g += weight_decay * w; sum += g^2;
/// w -= learning_rate * g / (sqrt(sum) + epsilon).
/// </summary>
/// <remarks>
/// State: "&lt;parameter&gt;.sum". PyTorch's Adagrad; its lr_decay is
/// <see cref="LearningRateSchedule.InverseTime(double)"/> here. One operator a parameter.
/// </remarks>
public sealed class Adagrad : Optimizer
{
    private const string Sum = "sum";

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="epsilon">Above 0.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <param name="initialSum">What the sums begin as, at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public Adagrad(float learningRate = 0.01f, float epsilon = 1e-10f, float weightDecay = 0f, float initialSum = 0f)
        : base(learningRate)
    {
        CheckPositive(epsilon, nameof(epsilon));
        CheckNotNegative(weightDecay, nameof(weightDecay));
        CheckNotNegative(initialSum, nameof(initialSum));
        Epsilon = epsilon;
        WeightDecay = weightDecay;
        InitialSum = initialSum;
    }

    /// <summary>Added to the root of the sum.</summary>
    public float Epsilon { get; }

    /// <summary>The factor of the weights in the gradient.</summary>
    public float WeightDecay { get; }

    /// <summary>What the sums begin as.</summary>
    public float InitialSum { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        WithGroups($"adagrad learning_rate {LearningRate} epsilon {Epsilon} weight_decay {WeightDecay} initial_sum {InitialSum}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        state.AddPerParameter(Sum, InitialSum);
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients)
    {
        foreach (var update in Updates(graph, state, gradients, WeightDecay))
        {
            var gradient = update.DecayedGradient;
            var sum = update[Sum] + gradient * gradient;
            update.Store(update.Weight - update.Rate * (gradient / (Pointwise.Sqrt(sum) + Epsilon)), (Sum, sum));
        }
    }
}
