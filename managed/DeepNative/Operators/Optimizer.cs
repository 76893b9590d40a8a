using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Parameter updates: one operator changes all parameters in place. Parameters and states are bound
/// tensors; what reads them later in the graph sees the new values.
/// </summary>
/// <remarks>
/// Both throw <see cref="ShapeException"/> when a gradient or state has another shape than its parameter,
/// and <see cref="ArgumentException"/> when the lists have different lengths or something to be
/// overwritten is not a bound tensor.
/// </remarks>
public static class Optimizer
{
    /// <summary>
    /// Stochastic gradient descent: g += weightDecay * w; v = momentum * v + g;
    /// w -= learningRate * (nesterov ? g + momentum * v : v). Without momentum v is g.
    /// </summary>
    /// <param name="learningRate">(), float32.</param>
    /// <param name="parameters">The w; overwritten.</param>
    /// <param name="gradients">The g, one for each; float32, bfloat16 or float16.</param>
    /// <param name="velocities">The v, one for each, overwritten; empty when momentum is 0.</param>
    /// <param name="momentum">0: none.</param>
    /// <param name="weightDecay">0: none.</param>
    /// <param name="nesterov">Whether to look ahead (Nesterov).</param>
    public static void Sgd(
        Value learningRate, IReadOnlyList<Value> parameters, IReadOnlyList<Value> gradients, IReadOnlyList<Value> velocities,
        float momentum = 0f, float weightDecay = 0f, bool nesterov = false)
    {
        ArgumentNullException.ThrowIfNull(velocities);
        if (momentum == 0f && velocities.Count > 0)
            throw new ArgumentException("without momentum there are no velocities.", nameof(velocities));
        var rule = new OptimizerAttributes
        {
            Rule = OptimizerRule.Sgd,
            Momentum = momentum,
            WeightDecay = weightDecay,
            Nesterov = nesterov ? 1 : 0,
        };
        Add(rule, learningRate, null, parameters, gradients, momentum == 0f ? [] : [("velocity", velocities)]);
    }

    /// <summary>
    /// Adam (Kingma, Ba 2015): step += 1; m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
    /// w -= learningRate * m' / (sqrt(v') + epsilon), m' and v' divided by 1 - beta^step. Weight decay is
    /// added to g, or, decoupled, w *= 1 - learningRate * weightDecay (AdamW: Loshchilov, Hutter 2019).
    /// </summary>
    /// <param name="learningRate">(), float32.</param>
    /// <param name="step">(), Int64: steps done so far; a bound tensor, overwritten.</param>
    /// <param name="parameters">The w; overwritten.</param>
    /// <param name="gradients">The g, one for each; float32, bfloat16 or float16.</param>
    /// <param name="firstMoments">The m, one for each; overwritten.</param>
    /// <param name="secondMoments">The v, one for each; overwritten.</param>
    /// <param name="beta1">Decay of m.</param>
    /// <param name="beta2">Decay of v.</param>
    /// <param name="epsilon">Added to the root.</param>
    /// <param name="weightDecay">0: none.</param>
    /// <param name="decoupled">Whether weight decay stays out of the moments.</param>
    public static void Adam(
        Value learningRate, Value step, IReadOnlyList<Value> parameters, IReadOnlyList<Value> gradients,
        IReadOnlyList<Value> firstMoments, IReadOnlyList<Value> secondMoments,
        float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 0f, bool decoupled = false)
    {
        ArgumentNullException.ThrowIfNull(step);
        var rule = new OptimizerAttributes
        {
            Rule = OptimizerRule.Adam,
            Beta1 = beta1,
            Beta2 = beta2,
            Epsilon = epsilon,
            WeightDecay = weightDecay,
            DecoupledWeightDecay = decoupled ? 1 : 0,
        };
        Add(rule, learningRate, step, parameters, gradients, [("first moment", firstMoments), ("second moment", secondMoments)]);
    }

    private static void Add(
        OptimizerAttributes rule, Value learningRate, Value? step, IReadOnlyList<Value> parameters, IReadOnlyList<Value> gradients,
        ReadOnlySpan<(string Name, IReadOnlyList<Value> Values)> states)
    {
        ArgumentNullException.ThrowIfNull(learningRate);
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(gradients);
        var graph = learningRate.Graph;
        var title = rule.Rule.ToString();
        if (parameters.Count == 0) throw new ArgumentException("there are no parameters to update.", nameof(parameters));
        graph.CheckDType(title, "learning rate", learningRate, DType.Float32);
        graph.CheckShape(title, "learning rate", learningRate, Shape.Scalar);
        var inputs = new List<Value> { learningRate };
        if (step is not null)
        {
            graph.CheckDType(title, "step", step, DType.Int64);
            graph.CheckShape(title, "step", step, Shape.Scalar);
            BoundNode.Require(step, nameof(step));
            inputs.Add(step);
        }

        AddList("parameter", parameters, overwritten: true);
        AddList("gradient", gradients, overwritten: false);
        foreach (var (name, values) in states) AddList(name, values, overwritten: true);
        rule.Count = parameters.Count;
        graph.Add(new OptimizerNode(graph, rule, step is not null, [.. inputs]));

        void AddList(string name, IReadOnlyList<Value> values, bool overwritten)
        {
            if (values.Count != parameters.Count)
                throw new ArgumentException($"there are {parameters.Count} parameters, but {values.Count} of kind {name}.");
            for (var i = 0; i < values.Count; i++)
            {
                // A gradient may be what half-precision training made; what is overwritten is float32.
                if (overwritten || !values[i].DType.IsFloatingPoint() || values[i].DType == DType.Float64)
                    graph.CheckDType(title, $"{name} of '{parameters[i].Name}'", values[i], DType.Float32);
                graph.CheckShape(title, $"{name} of '{parameters[i].Name}'", values[i], parameters[i].Shape);
                if (overwritten) BoundNode.Require(values[i], name);
                inputs.Add(values[i]);
            }
        }
    }
}

internal sealed class OptimizerNode : Node
{
    private readonly OptimizerAttributes _rule;
    private readonly int[] _updated;

    public OptimizerNode(Graph graph, OptimizerAttributes rule, bool hasStep, ReadOnlySpan<Value> inputs)
        : base(graph, [.. inputs])
    {
        _rule = rule;
        HasStep = hasStep;

        // In the engine's order: parameters, states, step; neither the learning rate nor the gradients.
        var first = hasStep ? 2 : 1;
        var updated = new List<int>();
        for (var i = first; i < inputs.Length; i++)
        {
            if (i < first + rule.Count || i >= first + 2 * rule.Count) updated.Add(i);
        }

        if (hasStep) updated.Add(1);
        _updated = [.. updated];
    }

    public OptimizerAttributes Rule => _rule;

    public bool HasStep { get; }

    public override string OperatorName => _rule.Rule.ToString();

    public override object? Attributes => this;

    public override ReadOnlySpan<int> UpdatedInputs => _updated;

    public override Value?[] Derivative(DerivativeContext context) => throw NoDerivative("of an update");

    public override void Emit(ProgramWriter writer) => writer.Add(this, OperatorKind.Optimizer, _rule);
}
