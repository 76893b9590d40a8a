namespace DeepNative.Optimizers;

/// <summary>
/// Adam (Kingma, Ba 2015): m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
/// w -= learning_rate * m' / (sqrt(v') + epsilon), m' and v' corrected for their start at 0.
/// Weight decay is added to the gradient, or, decoupled, w -= learning_rate * weight_decay * w
/// (<see cref="AdamW"/>; Loshchilov, Hutter 2019).
/// </summary>
/// <remarks>
/// State: "&lt;parameter&gt;.moment1", "&lt;parameter&gt;.moment2" and "step", int64 (). All parameters are updated
/// by one operator; with <see cref="Optimizer.Groups"/> by one for each pair of rate and decay, of which those
/// behind the first have a "step.2", "step.3", ... of their own.
/// </remarks>
public sealed class Adam : Optimizer
{
    private const string Moment1 = "moment1";
    private const string Moment2 = "moment2";
    private const string Step = "step";

    /// <summary>Creates the rule.</summary>
    /// <param name="learningRate">Above 0.</param>
    /// <param name="beta1">At least 0 and below 1.</param>
    /// <param name="beta2">At least 0 and below 1.</param>
    /// <param name="epsilon">Above 0.</param>
    /// <param name="weightDecay">At least 0.</param>
    /// <param name="decoupled">Whether the decay bypasses the moments.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public Adam(
        float learningRate = 1e-3f, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 0f,
        bool decoupled = false)
        : base(learningRate)
    {
        CheckFraction(beta1, nameof(beta1));
        CheckFraction(beta2, nameof(beta2));
        if (!(epsilon > 0f)) throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "must be above 0");
        CheckNotNegative(weightDecay, nameof(weightDecay));
        Beta1 = beta1;
        Beta2 = beta2;
        Epsilon = epsilon;
        WeightDecay = weightDecay;
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

    /// <summary>Whether the decay bypasses the moments.</summary>
    public bool Decoupled { get; }

    /// <inheritdoc/>
    public override string ToString() => WithGroups(
        $"adam learning_rate {LearningRate} beta1 {Beta1} beta2 {Beta2} epsilon {Epsilon} weight_decay {WeightDecay}{(Decoupled ? " decoupled" : "")}");

    /// <inheritdoc/>
    protected internal override void CreateState(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        CreateState(state, Alike(state, WeightDecay));
    }

    /// <inheritdoc/>
    protected internal override void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients) =>
        Update(graph, state, gradients, Alike(state, WeightDecay));

    internal static void CreateState(OptimizerState state, List<(float Factor, float WeightDecay, List<int> Members)> groups)
    {
        state.AddPerParameter(Moment1);
        state.AddPerParameter(Moment2);
        for (var i = 0; i < groups.Count; i++) state.Add(StepName(i), DType.Int64, Shape.Scalar);
    }

    internal void Update(
        Graph graph, OptimizerState state, IReadOnlyList<Value> gradients, List<(float Factor, float WeightDecay, List<int> Members)> groups)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(gradients);
        var (parameters, moments1, moments2) = (Parameters(graph, state), state.Bind(graph, Moment1), state.Bind(graph, Moment2));
        for (var i = 0; i < groups.Count; i++)
        {
            var (factor, decay, members) = groups[i];
            Operators.Optimizer.Adam(
                Rate(graph, state, factor), graph.Bind(state[StepName(i)], StepName(i)), members.ConvertAll(k => parameters[k]),
                members.ConvertAll(k => gradients[k]), members.ConvertAll(k => moments1[k]), members.ConvertAll(k => moments2[k]), Beta1, Beta2,
                Epsilon, decay, Decoupled);
        }
    }

    // The operator counts its own steps.
    private static string StepName(int group) => group == 0 ? Step : $"{Step}.{group + 1}";
}
