using DeepNative.Operators;
using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>The moving average of trained parameters, on the device. It is part of a checkpoint.</summary>
internal sealed class AveragedWeights : IDisposable
{
    private readonly ExponentialAverage _rule;
    private readonly IReadOnlyList<Parameter> _parameters;
    private readonly Tensor[] _averages;
    private readonly Tensor _count;

    public AveragedWeights(Device device, ExponentialAverage rule, IReadOnlyList<Parameter> parameters)
    {
        _rule = rule;
        _parameters = parameters;
        _averages = new Tensor[parameters.Count];
        for (var i = 0; i < _averages.Length; i++) _averages[i] = new Tensor(device, DType.Float32, parameters[i].Shape);
        _count = new Tensor(device, DType.Int64, Shape.Scalar);
        Reset();
    }

    /// <summary>All tensors by the names that files give them.</summary>
    public IEnumerable<NamedTensor> Tensors
    {
        get
        {
            for (var i = 0; i < _averages.Length; i++) yield return new NamedTensor(ModelFile.AveragePart + _parameters[i].Name, _averages[i]);
            yield return new NamedTensor(ModelFile.AveragePart + "count", _count);
        }
    }

    /// <summary>Begins anew at the weights as they are.</summary>
    public void Reset()
    {
        for (var i = 0; i < _averages.Length; i++) _averages[i].Write<float>(_parameters[i].Tensor!.ToArray<float>());
        _count.Write<long>([0L]);
    }

    /// <summary>The average of a parameter; null where it is not averaged.</summary>
    public Tensor? Find(Parameter parameter)
    {
        for (var i = 0; i < _averages.Length; i++)
            if (ReferenceEquals(_parameters[i], parameter)) return _averages[i];
        return null;
    }

    /// <summary>Lets a graph take the averages for the parameters.</summary>
    public void Represent(Graph graph)
    {
        for (var i = 0; i < _averages.Length; i++) graph.Represent(_parameters[i], _averages[i]);
    }

    /// <summary>Adds the step of the averages to a graph, behind the update.</summary>
    public void Update(Graph graph)
    {
        var count = graph.Bind(_count, "average.count");
        var decay = _rule.Warmup
            ? Pointwise.Minimum((count + 1f) / (count + 10f), graph.Constant(_rule.Decay))
            : graph.Constant(_rule.Decay);
        var share = Pointwise.Select(Pointwise.Greater(count, graph.Constant(0f)), 1f - decay, graph.Constant(1f));
        for (var i = 0; i < _averages.Length; i++)
        {
            var average = graph.Bind(_averages[i], ModelFile.AveragePart + _parameters[i].Name);
            graph.Store(average + share * (graph.Parameter(_parameters[i]) - average), _averages[i]);
        }

        graph.Store(Pointwise.Cast(count + 1f, DType.Int64), _count);
    }

    public void Dispose()
    {
        foreach (var average in _averages) average.Dispose();
        _count.Dispose();
    }
}
