namespace DeepNative.Optimizers;

/// <summary>
/// The rule by which gradients change parameters. The object is only the rule and its numbers, so it may
/// serve several trainers; what is kept between steps is in <see cref="OptimizerState"/>.
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
public abstract class Optimizer
{
    /// <summary>Sets the learning rate.</summary>
    /// <param name="learningRate">Above 0; a schedule multiplies it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is not a finite number above 0.</exception>
    protected Optimizer(float learningRate)
    {
        if (!(learningRate > 0f) || !float.IsFinite(learningRate))
            throw new ArgumentOutOfRangeException(nameof(learningRate), learningRate, "must be a finite number above 0");
        LearningRate = learningRate;
    }

    /// <summary>The rate that schedules multiply.</summary>
    public float LearningRate { get; }

    /// <summary>Rule and numbers as text: "sgd learning_rate 0.1". Written into checkpoints.</summary>
    /// <returns>The text.</returns>
    public abstract override string ToString();

    /// <summary>Adds what the rule keeps between steps.</summary>
    /// <param name="state">Receives the tensors.</param>
    protected internal abstract void CreateState(OptimizerState state);

    /// <summary>Adds one update of all parameters to a graph.</summary>
    /// <param name="graph">A training graph.</param>
    /// <param name="state">The learning rate, the parameters and what <see cref="CreateState"/> added.</param>
    /// <param name="gradients">One gradient per parameter, in the order of the state's parameters.</param>
    protected internal abstract void Update(Graph graph, OptimizerState state, IReadOnlyList<Value> gradients);

    /// <summary>The state's parameters as values of a graph.</summary>
    internal static Value[] Parameters(Graph graph, OptimizerState state)
    {
        var values = new Value[state.Parameters.Count];
        for (var i = 0; i < values.Length; i++) values[i] = graph.Parameter(state.Parameters[i]);
        return values;
    }

    private protected static void CheckFraction(float value, string name)
    {
        if (!(value >= 0f && value < 1f)) throw new ArgumentOutOfRangeException(name, value, "must be at least 0 and below 1");
    }

    private protected static void CheckNotNegative(float value, string name)
    {
        if (!(value >= 0f) || !float.IsFinite(value)) throw new ArgumentOutOfRangeException(name, value, "must be a finite number, at least 0");
    }
}
