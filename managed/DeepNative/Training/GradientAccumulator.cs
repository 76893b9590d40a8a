using DeepNative.Operators;

namespace DeepNative.Training;

/// <summary>
/// Gradients of several batches until their update: sums over examples, so that the mean is that of all
/// examples also where the last batch is smaller. Runs stop between updates only, where the sums are 0.
/// </summary>
internal sealed class GradientAccumulator : IDisposable
{
    private readonly IReadOnlyList<Parameter> _parameters;
    private readonly Tensor[] _sums;
    private readonly Tensor _count;

    public GradientAccumulator(Device device, IReadOnlyList<Parameter> parameters)
    {
        _parameters = parameters;
        _sums = new Tensor[parameters.Count];
        for (var i = 0; i < _sums.Length; i++) _sums[i] = new Tensor(device, DType.Float32, parameters[i].Shape);
        _count = new Tensor(device, DType.Float32, Shape.Scalar);
    }

    /// <summary>Forgets what a run that failed has left.</summary>
    public void Clear()
    {
        foreach (var sum in _sums) sum.Write<float>(new float[sum.Shape.Count]);
        _count.Write<float>([0f]);
    }

    /// <summary>Adds a batch's gradients to the sums.</summary>
    public void Collect(Graph graph, IReadOnlyList<Value> gradients, int examples)
    {
        for (var i = 0; i < _sums.Length; i++) graph.Store(Sum(graph, i) + gradients[i] * examples, _sums[i]);
        graph.Store(graph.Bind(_count, "accumulated.examples") + (float)examples, _count);
    }

    /// <summary>The mean gradients over the sums and the last batch.</summary>
    public IReadOnlyList<Value> Mean(Graph graph, IReadOnlyList<Value> gradients, int examples)
    {
        var share = 1f / (graph.Bind(_count, "accumulated.examples") + (float)examples);
        var means = new Value[_sums.Length];
        for (var i = 0; i < means.Length; i++) means[i] = (Sum(graph, i) + gradients[i] * examples) * share;
        return means;
    }

    /// <summary>Empties the sums, behind the update.</summary>
    public void Clear(Graph graph)
    {
        var zero = graph.Constant(0f);
        for (var i = 0; i < _sums.Length; i++) graph.Store(Pointwise.Expand(zero, Sum(graph, i)), _sums[i]);
        graph.Store(Pointwise.Expand(zero, graph.Bind(_count, "accumulated.examples")), _count);
    }

    public void Dispose()
    {
        foreach (var sum in _sums) sum.Dispose();
        _count.Dispose();
    }

    private Value Sum(Graph graph, int index) => graph.Bind(_sums[index], "accumulated." + _parameters[index].Name);
}
