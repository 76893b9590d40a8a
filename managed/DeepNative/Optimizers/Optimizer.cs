using System.Globalization;

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

    /// <summary>Parameters with numbers of their own; none by default. The first that contains a parameter counts.</summary>
    public IReadOnlyList<ParameterGroup> Groups
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            ParameterGroup[] groups = [.. value];
            foreach (var group in groups) ArgumentNullException.ThrowIfNull(group);
            field = Array.AsReadOnly(groups);
        }
    }
    = [];

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

    /// <summary>The group of a parameter.</summary>
    /// <param name="parameter">A parameter, with its full name.</param>
    /// <returns>The first group that contains it, or null.</returns>
    public ParameterGroup? GroupOf(Parameter parameter)
    {
        foreach (var group in Groups)
            if (group.Contains(parameter)) return group;
        return null;
    }

    /// <summary>The parameters of a model that are trained: neither statistics nor frozen.</summary>
    /// <exception cref="ArgumentException">There is none, or a group contains no parameter.</exception>
    internal List<Parameter> Trained(Layers.Layer model)
    {
        var parameters = model.Parameters();
        foreach (var group in Groups)
            if (!parameters.Any(group.Contains)) throw new ArgumentException($"no parameter of {model} belongs to the group '{group.Name}'.", nameof(model));
        var trained = parameters.Where(parameter => parameter.Trainable && GroupOf(parameter) is not { Frozen: true }).ToList();
        return trained.Count > 0
            ? trained
            : throw new ArgumentException(
                parameters.Any(parameter => parameter.Trainable) ? $"all parameters of model {model} are frozen." : $"model {model} has no parameters to train.",
                nameof(model));
    }

    /// <summary>The rule's text with the groups behind it.</summary>
    private protected string WithGroups(FormattableString text)
    {
        var rule = text.ToString(CultureInfo.InvariantCulture);
        return Groups.Count == 0 ? rule : $"{rule} [{string.Join(", ", Groups)}]";
    }

    /// <summary>One update for each parameter, to be built from values.</summary>
    private protected IEnumerable<ParameterUpdate> Updates(
        Graph graph, OptimizerState state, IReadOnlyList<Value> gradients, float weightDecay)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(gradients);
        for (var i = 0; i < state.Parameters.Count; i++)
            yield return new ParameterUpdate(graph, state, state.Parameters[i], gradients[i], GroupOf(state.Parameters[i]), weightDecay);
    }

    /// <summary>The parameters, as places in the state's list, that one multi-tensor operator can update together.</summary>
    private protected List<(float Factor, float WeightDecay, List<int> Members)> Alike(OptimizerState state, float weightDecay)
    {
        ArgumentNullException.ThrowIfNull(state);
        var alike = new List<(float Factor, float WeightDecay, List<int> Members)>();
        for (var i = 0; i < state.Parameters.Count; i++)
        {
            var group = GroupOf(state.Parameters[i]);
            var (factor, decay) = (group?.LearningRateFactor ?? 1f, group?.WeightDecay ?? weightDecay);
            var known = alike.FindIndex(other => other.Factor == factor && other.WeightDecay == decay);
            if (known < 0) alike.Add((factor, decay, [i]));
            else alike[known].Members.Add(i);
        }

        return alike;
    }

    /// <summary>The state's parameters as values of a graph.</summary>
    internal static Value[] Parameters(Graph graph, OptimizerState state)
    {
        var values = new Value[state.Parameters.Count];
        for (var i = 0; i < values.Length; i++) values[i] = graph.Parameter(state.Parameters[i]);
        return values;
    }

    /// <summary>The rate of the coming step times a group's factor.</summary>
    internal static Value Rate(Graph graph, OptimizerState state, float factor)
    {
        var rate = graph.Bind(state.LearningRate, "learning_rate");
        return factor == 1f ? rate : rate * factor;
    }

    private protected static void CheckFraction(float value, string name)
    {
        if (!(value >= 0f && value < 1f)) throw new ArgumentOutOfRangeException(name, value, "must be at least 0 and below 1");
    }

    private protected static void CheckPositive(float value, string name)
    {
        if (!(value > 0f) || !float.IsFinite(value)) throw new ArgumentOutOfRangeException(name, value, "must be a finite number above 0");
    }

    private protected static void CheckNotNegative(float value, string name)
    {
        if (!(value >= 0f) || !float.IsFinite(value)) throw new ArgumentOutOfRangeException(name, value, "must be a finite number, at least 0");
    }
}
