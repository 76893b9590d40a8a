using DeepNative.Operators;
using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>The nodes of <see cref="LossScaling"/> in a step's graph; its numbers are in the optimiser's state.</summary>
internal sealed class LossScaler
{
    private const string Scale = "loss_scale";
    private const string GoodSteps = "loss_scale.good_steps";

    private readonly LossScaling _rule;
    private readonly OptimizerState _state;

    public LossScaler(LossScaling rule, OptimizerState state)
    {
        _rule = rule;
        _state = state;
        state.AddNumber(Scale, rule.Initial);
        state.AddNumber(GoodSteps, 0f);
    }

    /// <summary>Gradients of the loss, taken of the scaled one.</summary>
    public IReadOnlyList<Value> Gradients(Graph graph, Value loss, ReadOnlySpan<Value> parameters)
    {
        var scale = graph.Bind(_state[Scale], Scale);
        var scaled = graph.Gradients(loss, scale, parameters);
        var inverse = 1f / scale;
        return [.. scaled.Select(gradient => gradient * inverse)];
    }

    /// <summary>Does an update that is taken back where a gradient is not finite.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="gradients">As they were taken, not clipped.</param>
    /// <param name="followers">What the update changes beside the parameters and the optimiser's state.</param>
    /// <param name="update">Adds the update to the graph.</param>
    public void Update(Graph graph, IReadOnlyList<Value> gradients, IEnumerable<NamedTensor> followers, Action update)
    {
        var largest = Largest(gradients[0]);
        for (var i = 1; i < gradients.Count; i++) largest = Pointwise.Maximum(largest, Largest(gradients[i]));

        // Below infinity: false also of NaN, which wins every maximum.
        var good = Pointwise.Less(largest, graph.Constant(float.PositiveInfinity));
        var zero = graph.Constant(0f);
        var tensors = new List<(Tensor Tensor, string Name, Value Kept)>();
        foreach (var parameter in _state.Parameters) Keep(parameter.Tensor!, parameter.Name);
        foreach (var name in _state.Names)
        {
            if (name is not (Scale or GoodSteps)) Keep(_state[name], name);
        }

        foreach (var (name, tensor) in followers) Keep(tensor, name);
        update();
        foreach (var (tensor, name, kept) in tensors)
        {
            var updated = graph.Bind(tensor, name);
            graph.Store(Pointwise.Cast(Pointwise.Select(good, updated, kept), tensor.DType), tensor);
        }

        Adapt(graph, good);

        // What the update overwrites, or 0 where nobody will ask for it: a value of its own in either case.
        void Keep(Tensor tensor, string name) =>
            tensors.Add((tensor, name, Pointwise.Select(good, zero, graph.Bind(tensor, name))));

        static Value Largest(Value gradient) => Reduce.Max(Pointwise.Abs(gradient));
    }

    private void Adapt(Graph graph, Value good)
    {
        var (scale, steps) = (graph.Bind(_state[Scale], Scale), graph.Bind(_state[GoodSteps], GoodSteps));
        var (zero, one) = (graph.Constant(0f), graph.Constant(1f));
        var count = steps + 1f;
        var grows = _rule.GrowthInterval > 0 ? Pointwise.GreaterOrEqual(count, graph.Constant(_rule.GrowthInterval)) : zero;
        var raised = Pointwise.Minimum(scale * (one + grows), graph.Constant(LossScaling.Highest));
        var lowered = Pointwise.Maximum(scale * 0.5f, graph.Constant(LossScaling.Lowest));
        var next = Pointwise.Select(good, raised, lowered);
        var nextCount = Pointwise.Select(good, count * (one - grows), zero);
        graph.Store(next, _state[Scale]);
        graph.Store(nextCount, _state[GoodSteps]);
    }
}
