namespace DeepNative.Layers;

/// <summary>
/// A part of a model: it owns parameters and child layers and says how its output follows from its
/// input. The same layer may be traced into many graphs (training, evaluation, several batch sizes);
/// they share its parameters.
/// </summary>
/// <remarks>
/// To write one: create parameters with <see cref="AddParameter"/> and children with
/// <see cref="AddChild{T}"/> in the constructor, and override <see cref="Build"/>. A layer that takes or
/// gives more than one value (a memory, lengths, a state) has further public overloads of Forward, which
/// do their work in <see cref="Scoped(Value, Func{Value})"/>; Build says what it does with one input.
/// Not thread-safe.
/// </remarks>
public abstract class Layer
{
    [ThreadStatic]
    private static List<LayerTrace>? s_traces;

    [ThreadStatic]
    private static SlidingWindows? s_windows;

    private readonly List<Declared> _parameters = [];
    private readonly List<Declared> _randomStates = [];
    private readonly List<Layer> _children = [];
    private Layer? _parent;
    private string _localName = "";

    /// <summary>
    /// Where the layer stands in its model: the names from the root's child down to it, joined with dots;
    /// empty for the root. The children of <see cref="Sequential"/> are named "0", "1", ...
    /// </summary>
    public string Name =>
        _parent is null ? _localName : _parent.Name.Length == 0 ? _localName : $"{_parent.Name}.{_localName}";

    /// <summary>What kind of layer it is, for texts: the class's name.</summary>
    public virtual string Kind => GetType().Name;

    /// <summary>The direct children, in the order of adding.</summary>
    public IReadOnlyList<Layer> Children => _children;

    /// <summary>Adds the layer to a graph.</summary>
    /// <param name="input">The input; its shape is the layer's affair.</param>
    /// <returns>The output.</returns>
    /// <exception cref="ShapeException">The input does not fit; the text names layer, found and expected.</exception>
    public Value Forward(Value input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Scoped(input, () => s_windows is { } windows ? Slide(input, windows) : Build(input));
    }

    /// <summary>
    /// All parameters of the layer and of the layers below it: weights, and statistics that are not
    /// trained. Own ones first, then by child, in the order of adding; a shared layer's only once.
    /// </summary>
    /// <returns>The parameters; their names are paths from this model's root ("0.weight").</returns>
    public IReadOnlyList<Parameter> Parameters() => Collect(layer => layer._parameters).ConvertAll(entry => entry.Parameter);

    /// <summary>
    /// The random states of the layer and of the layers below it: (2) int64 {seed, offset} each. They
    /// belong to a training run, not to the model's weights.
    /// </summary>
    /// <returns>The states in the order of <see cref="Parameters"/>.</returns>
    public IReadOnlyList<Parameter> RandomStates() => Collect(layer => layer._randomStates).ConvertAll(entry => entry.Parameter);

    /// <summary>The number of trained values.</summary>
    /// <returns>The sum over all trainable parameters.</returns>
    public long ParameterCount()
    {
        var count = 0L;
        foreach (var parameter in Parameters())
            if (parameter.Trainable) count += parameter.Shape.Count;
        return count;
    }

    /// <summary>
    /// Gives every parameter that has none a tensor on the device, with its first values. Parameter i of
    /// <see cref="Parameters"/> draws from the Philox sequence (seed, stream i).
    /// </summary>
    /// <param name="device">Where the model will run.</param>
    /// <param name="seed">The same seed gives the same values on every device.</param>
    /// <exception cref="InvalidOperationException">A parameter already lives on another device.</exception>
    /// <exception cref="OutOfDeviceMemoryException">The device's memory is exhausted.</exception>
    public void Materialize(Device device, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(device);
        var parameters = Collect(layer => layer._parameters);
        for (var i = 0; i < parameters.Count; i++)
        {
            var parameter = parameters[i].Parameter;
            if (!NeedsTensor(parameter, device)) continue;
            var values = new float[checked((int)parameter.Shape.Count)];
            parameters[i].Initializer.Fill(values, parameter.Shape, new Philox(seed, stream: (uint)i));
            var tensor = new Tensor(device, parameter.DType, parameter.Shape);
            tensor.Write<float>(values);
            parameter.Tensor = tensor;
        }

        var states = RandomStates();
        for (var i = 0; i < states.Count; i++)
        {
            if (!NeedsTensor(states[i], device)) continue;
            // A key of its own for every state; streams count down, away from the parameters'.
            var random = new Philox(seed, stream: uint.MaxValue - (uint)i);
            var key = (long)random.NextUInt32() | (long)random.NextUInt32() << 32;
            var tensor = new Tensor(device, DType.Int64, states[i].Shape);
            tensor.Write<long>([key, 0L]);
            states[i].Tensor = tensor;
        }
    }

    /// <summary>Frees the tensors of all parameters and random states; a later materialising starts anew.</summary>
    public void ReleaseTensors()
    {
        foreach (var parameter in Parameters()) Release(parameter);
        foreach (var state in RandomStates()) Release(state);

        static void Release(Parameter parameter)
        {
            parameter.Tensor?.Dispose();
            parameter.Tensor = null;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Name.Length == 0 ? Kind : $"'{Name}' ({Kind})";

    /// <summary>Traces the model and reports every layer it passed, parents before children.</summary>
    internal static IReadOnlyList<LayerTrace> Trace(Layer model, Value input)
    {
        var outer = s_traces;
        var traces = s_traces = [];
        try
        {
            SlideOver(model, input, windows: null);
        }
        finally
        {
            s_traces = outer;
        }

        return traces;
    }

    /// <summary>
    /// Multiplications with a following addition that the layer itself does for one pass; layers below
    /// it are not counted, nor are biases, comparisons and activations.
    /// </summary>
    /// <param name="input">The input's shape.</param>
    /// <param name="output">The output's shape.</param>
    /// <returns>The count.</returns>
    protected internal virtual long MultiplyAdds(Shape input, Shape output) => 0;

    /// <summary>A trained parameter of this layer itself, by its name inside the layer.</summary>
    internal Parameter? OwnParameter(string name)
    {
        foreach (var entry in _parameters)
            if (entry.LocalName == name && entry.Parameter.Trainable) return entry.Parameter;
        return null;
    }

    /// <summary>Trained values of this layer itself, without the layers below.</summary>
    internal long OwnParameterCount
    {
        get
        {
            var count = 0L;
            foreach (var entry in _parameters)
                if (entry.Parameter.Trainable) count += entry.Parameter.Shape.Count;
            return count;
        }
    }

    /// <summary>The layer's computation.</summary>
    /// <param name="input">The input; check its shape and throw <see cref="Mismatch"/>.</param>
    /// <returns>The output.</returns>
    protected abstract Value Build(Value input);

    /// <summary>The same where the model slides over a larger picture: maps stay maps.</summary>
    private protected virtual Value Slide(Value input, SlidingWindows windows) => Build(input);

    /// <summary>Adds a model to a graph as a sliding window, or with null as it is.</summary>
    private protected static Value SlideOver(Layer model, Value input, SlidingWindows? windows)
    {
        var outer = s_windows;
        s_windows = windows;
        try
        {
            return model.Forward(input);
        }
        finally
        {
            s_windows = outer;
        }
    }

    /// <summary>
    /// Adds the layer to a graph: what is added inside is named after it, in errors and reports. For
    /// overloads of <see cref="Forward"/> that take more than one value.
    /// </summary>
    /// <param name="input">The main input, which summaries of the model show.</param>
    /// <param name="build">The layer's computation; check shapes and throw <see cref="Mismatch"/>.</param>
    /// <returns>The output.</returns>
    protected Value Scoped(Value input, Func<Value> build) => Scoped(input, build, static output => output);

    /// <summary>The same for a computation that gives more than one value.</summary>
    /// <typeparam name="T">All that it gives.</typeparam>
    /// <param name="input">The main input, which summaries of the model show.</param>
    /// <param name="build">The layer's computation; check shapes and throw <see cref="Mismatch"/>.</param>
    /// <param name="output">The main output among the results, which summaries of the model show.</param>
    /// <returns>The results.</returns>
    protected T Scoped<T>(Value input, Func<T> build, Func<T, Value> output)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(build);
        ArgumentNullException.ThrowIfNull(output);
        var traces = s_traces;
        var entry = traces?.Count ?? 0;
        traces?.Add(new LayerTrace(this, input.Shape, input.Shape));
        T results;
        using (input.Graph.Scope(_localName)) results = build();
        if (traces is not null) traces[entry] = new LayerTrace(this, input.Shape, output(results).Shape) { Value = output(results) };
        return results;
    }

    /// <summary>Declares a parameter; for constructors.</summary>
    /// <param name="name">Its name inside the layer: "weight", "bias", "running_mean".</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="initializer">Its first values.</param>
    /// <param name="trainable">False for statistics, which optimisers leave alone.</param>
    /// <returns>The parameter, without a tensor yet.</returns>
    protected Parameter AddParameter(string name, Shape shape, Initializer initializer, bool trainable = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(initializer);
        var parameter = new Parameter(name, shape, trainable);
        _parameters.Add(new Declared(parameter, name, initializer));
        return parameter;
    }

    /// <summary>Declares a random state, (2) int64 {seed, offset}; for constructors.</summary>
    /// <param name="name">Its name inside the layer.</param>
    /// <returns>The state, without a tensor yet.</returns>
    protected Parameter AddRandomState(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var state = new Parameter(name, new Shape(2), trainable: false, DType.Int64);
        _randomStates.Add(new Declared(state, name, Initializer.Zeros));
        return state;
    }

    /// <summary>Adds a child; for constructors. A layer that stands in several places keeps its first name.</summary>
    /// <typeparam name="T">The child's type.</typeparam>
    /// <param name="name">The child's name inside this layer, without dots.</param>
    /// <param name="child">The child.</param>
    /// <returns>The child.</returns>
    /// <exception cref="ArgumentException">The name is taken or the child contains this layer.</exception>
    protected T AddChild<T>(string name, T child) where T : Layer
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(child);
        for (Layer? layer = this; layer is not null; layer = layer._parent)
            if (ReferenceEquals(layer, child)) throw new ArgumentException($"layer {this} cannot contain itself.", nameof(child));
        foreach (var other in _children)
            if (other._localName == name && other._parent == this && !ReferenceEquals(other, child))
                throw new ArgumentException($"layer {this} has two children named '{name}'.", nameof(name));
        _children.Add(child);
        if (child._parent is null)
        {
            child._parent = this;
            child._localName = name;
            child.RenameParameters();
        }

        return child;
    }

    /// <summary>Adds a model that this layer runs in another way: its parameters keep the names that they have in it.</summary>
    private protected void AddModel(Layer model) => _children.Add(model);

    /// <summary>The exception for an input that does not fit.</summary>
    /// <param name="found">The input's shape.</param>
    /// <param name="expected">What it should be, such as "(N, 1, H, W)".</param>
    /// <returns>The exception: "layer '0' (Conv2d): input is (8, 3, 28, 28), expected (N, 1, H, W)".</returns>
    protected ShapeException Mismatch(Shape found, string expected) =>
        new($"layer {this}: input is {found}, expected {expected}", Name, expected, found.ToString());

    private static bool NeedsTensor(Parameter parameter, Device device)
    {
        if (parameter.Tensor is null) return true;
        if (ReferenceEquals(parameter.Tensor.Device, device)) return false;
        throw new InvalidOperationException(
            $"parameter '{parameter.Name}' lives on device {parameter.Tensor.Device.Info.Name}; a model runs on one opened device.");
    }

    // A parameter's name is its path from the root, which changes with every level built on top.
    private void RenameParameters()
    {
        foreach (var entry in _parameters) entry.Parameter.Name = $"{Name}.{entry.LocalName}";
        foreach (var entry in _randomStates) entry.Parameter.Name = $"{Name}.{entry.LocalName}";
        foreach (var child in _children)
            if (ReferenceEquals(child._parent, this)) child.RenameParameters();
    }

    private List<Declared> Collect(Func<Layer, List<Declared>> own)
    {
        var found = new List<Declared>();
        Visit(this, []);
        return found;

        void Visit(Layer layer, HashSet<Layer> seen)
        {
            if (!seen.Add(layer)) return;
            found.AddRange(own(layer));
            foreach (var child in layer._children) Visit(child, seen);
        }
    }

    private readonly record struct Declared(Parameter Parameter, string LocalName, Initializer Initializer);
}
