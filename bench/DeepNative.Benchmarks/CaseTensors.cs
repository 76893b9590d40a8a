using DeepNative.Layers;
using DeepNative.Optimizers;

namespace DeepNative.Benchmarks;

/// <summary>The graph of a case and the tensors that its operators work on, which hold random numbers.</summary>
public sealed class CaseTensors(Device device, OperatorCase operatorCase) : IDisposable
{
    private readonly List<Tensor> _tensors = [];
    private readonly Dictionary<string, Value> _differentiable = [];
    private readonly List<Layer> _layers = [];
    private OptimizerState? _state;
    private readonly Philox _random = new(seed: 1);

    /// <summary>The case.</summary>
    public OperatorCase Case => operatorCase;

    /// <summary>Where operators are added.</summary>
    public Graph Graph { get; } = new(training: operatorCase.Pass != "forward", operatorCase.ToString());

    /// <summary>The inputs by which the case differentiates.</summary>
    public Value[] Wanted =>
        operatorCase.Wanted is { } names ? [.. names.Select(name => _differentiable[name])] : [.. _differentiable.Values];

    /// <summary>An input of the case, uniform in low .. high of the case, which are -1 and 1.</summary>
    public Value Input(string name)
    {
        var value = Floats(name, operatorCase.Inputs[name], operatorCase.Real("low", -1f), operatorCase.Real("high", 1f));
        _differentiable.Add(name, value);
        return value;
    }

    /// <summary>An input of the case, or null when it has none of that name.</summary>
    public Value? Optional(string name) => operatorCase.Inputs.ContainsKey(name) ? Input(name) : null;

    /// <summary>Whole numbers from 0 to below the case's classes.</summary>
    public Value Indices(string name)
    {
        var numbers = new int[operatorCase.Inputs[name].Count];
        var bound = (uint)operatorCase.Whole("classes");
        foreach (ref var number in numbers.AsSpan()) number = (int)_random.NextBelow(bound);
        return Given<int>(name, DType.Int32, operatorCase.Inputs[name], numbers);
    }

    /// <summary>Numbers that are not differentiated.</summary>
    public Value Floats(string name, Shape shape, float low = -1f, float high = 1f)
    {
        var numbers = new float[shape.Count];
        _random.FillUniform(numbers, low, high);
        return Given<float>(name, DType.Float32, shape, numbers);
    }

    /// <summary>These numbers.</summary>
    public Value Given<T>(string name, DType dtype, Shape shape, ReadOnlySpan<T> numbers)
        where T : unmanaged
    {
        var tensor = Add(dtype, shape);
        tensor.Write(numbers);
        return Graph.Bind(tensor, name);
    }

    /// <summary>The state of a random operator.</summary>
    public Value RandomState() => Given<long>("state", DType.Int64, new Shape(2), [1, 0]);

    /// <summary>A layer's result; its parameters count as inputs.</summary>
    public Value Apply(Layer layer, Value input)
    {
        _layers.Add(layer);
        layer.Materialize(device, seed: 1);
        var result = layer.Forward(input);
        foreach (var parameter in layer.Parameters()) _differentiable.Add(parameter.Name, Graph.Parameter(parameter));
        return result;
    }

    /// <summary>One update of the case's parameters.</summary>
    /// <returns>Nothing: there is no result but the parameters.</returns>
    public Value? Update(Optimizers.Optimizer rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        var weights = new Weights(operatorCase.Shapes("parameters"));
        _layers.Add(weights);
        weights.Materialize(device, seed: 1);
        _state = new OptimizerState(device, weights.Parameters());
        _state.LearningRate.Write<float>([rule.LearningRate]);
        rule.CreateState(_state);
        rule.Update(Graph, _state, [.. weights.Parameters().Select(parameter => Floats(parameter.Name + ".gradient", parameter.Shape))]);
        return null;
    }

    /// <summary>Keeps a value in memory, so that it is computed.</summary>
    public void Store(Value value) => Graph.Store(value, Add(value.DType, value.Shape));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _tensors) tensor.Dispose();
        foreach (var layer in _layers) layer.ReleaseTensors();
        _state?.Dispose();
    }

    private Tensor Add(DType dtype, Shape shape)
    {
        var tensor = new Tensor(device, dtype, shape);
        _tensors.Add(tensor);
        return tensor;
    }

    private sealed class Weights : Layer
    {
        public Weights(Shape[] shapes)
        {
            for (var i = 0; i < shapes.Length; i++) AddParameter($"weight{i}", shapes[i], Initializer.Uniform(-1f, 1f));
        }

        protected override Value Build(Value input) => input;
    }
}
