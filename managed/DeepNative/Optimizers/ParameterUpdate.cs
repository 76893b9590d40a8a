using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// One parameter in a rule that is composed of values. What it and its states become is computed first and
/// stored last, so that all of it is compiled to one operator, which works in place.
/// </summary>
internal sealed class ParameterUpdate
{
    private readonly Graph _graph;
    private readonly OptimizerState _state;
    private readonly Parameter _parameter;

    public ParameterUpdate(Graph graph, OptimizerState state, Parameter parameter, Value gradient, ParameterGroup? group, float weightDecay)
    {
        _graph = graph;
        _state = state;
        _parameter = parameter;
        Weight = graph.Parameter(parameter);
        Gradient = gradient;
        if (gradient.Shape != parameter.Shape)
        {
            throw graph.Mismatch(
                "Update", $"{parameter.Shape}", $"{gradient.Shape}", $"the gradient of '{parameter.Name}' is {gradient.Shape}, expected {parameter.Shape}");
        }

        WeightDecay = group?.WeightDecay ?? weightDecay;
        Rate = Optimizer.Rate(graph, state, group?.LearningRateFactor ?? 1f);
    }

    public Parameter Parameter => _parameter;

    public Value Weight { get; }

    /// <summary>As the loss gave it.</summary>
    public Value Gradient { get; }

    public float WeightDecay { get; }

    /// <summary>With the weights' share: gradient + weight_decay * weight.</summary>
    public Value DecayedGradient => WeightDecay == 0f ? Gradient : Gradient + WeightDecay * Weight;

    /// <summary>The learning rate, ().</summary>
    public Value Rate { get; }

    /// <summary>A tensor of <see cref="OptimizerState.AddPerParameter(string, float)"/>, before the update.</summary>
    public Value this[string name]
    {
        get
        {
            var full = $"{_parameter.Name}.{name}";
            return _graph.Bind(_state[full], full);
        }
    }

    /// <summary>beta * state + (1 - beta) * value, as state + (1 - beta) * (value - state).</summary>
    public Value Average(string name, Value value, float beta)
    {
        var state = this[name];
        return state + (float)(1.0 - beta) * (value - state);
    }

    /// <summary>Ends the update.</summary>
    /// <param name="weight">The new weight.</param>
    /// <param name="states">The new states.</param>
    public void Store(Value weight, params ReadOnlySpan<(string Name, Value Value)> states)
    {
        foreach (var (name, value) in states) _graph.Store(value, _state[$"{_parameter.Name}.{name}"]);
        _graph.Store(weight, Weight);
    }
}
