namespace DeepNative.Optimizers;

/// <summary>
/// What an optimiser keeps between steps, on the device: the learning rate, and what the rule asks for
/// through <see cref="Add"/>. It is part of a checkpoint.
/// </summary>
public sealed class OptimizerState : IDisposable
{
    private readonly Device _device;
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];

    internal OptimizerState(Device device, IReadOnlyList<Parameter> parameters)
    {
        _device = device;
        Parameters = parameters;
        LearningRate = new Tensor(device, DType.Float32, Shape.Scalar);
    }

    /// <summary>The parameters that are trained, in the model's order.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The rate of the coming step, float32 (). Written by the trainer when it changes.</summary>
    public Tensor LearningRate { get; }

    /// <summary>The names of all tensors added, in the order of adding.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>One of the tensors added.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="KeyNotFoundException">No tensor of that name was added.</exception>
    public Tensor this[string name] => _tensors[name];

    /// <summary>Adds a float32 number.</summary>
    /// <param name="name">Its name: "momentum_product".</param>
    /// <param name="value">What it begins as.</param>
    /// <returns>The tensor, (); owned by the state.</returns>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public Tensor AddNumber(string name, float value)
    {
        var tensor = Add(name, DType.Float32, Shape.Scalar);
        tensor.Write<float>([value]);
        return tensor;
    }

    /// <summary>Adds a tensor of zeros.</summary>
    /// <param name="name">Its name: "step", "0.weight.velocity".</param>
    /// <param name="dtype">Its data type.</param>
    /// <param name="shape">Its shape.</param>
    /// <returns>The tensor; owned by the state.</returns>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public Tensor Add(string name, DType dtype, Shape shape)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (_tensors.ContainsKey(name)) throw new ArgumentException($"the optimiser has a tensor '{name}' already.", nameof(name));
        var tensor = new Tensor(_device, dtype, shape);
        _tensors.Add(name, tensor);
        _names.Add(name);
        return tensor;
    }

    /// <summary>Adds one tensor per parameter, of its shape, named "&lt;parameter&gt;.&lt;name&gt;".</summary>
    /// <param name="name">What the tensors hold: "velocity".</param>
    /// <param name="value">What all elements begin as.</param>
    public void AddPerParameter(string name, float value = 0f)
    {
        foreach (var parameter in Parameters)
        {
            var tensor = Add($"{parameter.Name}.{name}", DType.Float32, parameter.Shape);
            if (value == 0f) continue;
            var values = new float[parameter.Shape.Count];
            Array.Fill(values, value);
            tensor.Write<float>(values);
        }
    }

    /// <summary>Binds the tensors of <see cref="AddPerParameter"/> to a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="name">What the tensors hold.</param>
    /// <returns>One value per parameter, in their order.</returns>
    public Value[] Bind(Graph graph, string name)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var values = new Value[Parameters.Count];
        for (var i = 0; i < values.Length; i++)
        {
            var full = $"{Parameters[i].Name}.{name}";
            values[i] = graph.Bind(_tensors[full], full);
        }

        return values;
    }

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        LearningRate.Dispose();
        foreach (var tensor in _tensors.Values) tensor.Dispose();
    }
}
