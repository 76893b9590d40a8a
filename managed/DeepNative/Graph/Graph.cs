using DeepNative.Operators;

namespace DeepNative;

/// <summary>
/// What a program computes: operators over bound tensors, written down by calling the functions of
/// <see cref="DeepNative.Operators"/> and compiled for a device by <see cref="Compile"/>. Program order is
/// the order of the calls: reading a tensor before the call that overwrites it sees the old content.
/// </summary>
/// <remarks>Not thread-safe. A graph holds no memory but the tensors bound to it.</remarks>
public sealed class Graph
{
    private readonly List<Node> _nodes = [];
    private readonly List<Parameter> _parameters = [];
    private readonly Dictionary<object, Value> _bound = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<int, Value> _constants = [];
    private readonly List<string> _scopes = [];
    private readonly List<(Value Output, float Weight)> _auxiliary = [];
    private int _randomCount;

    /// <summary>An empty graph.</summary>
    /// <param name="training">What layers with two behaviours (dropout, batch norm) ask.</param>
    /// <param name="name">Named in reports and errors.</param>
    public Graph(bool training, string name = "program")
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Training = training;
        Name = name;
    }

    /// <summary>Whether layers behave as in training.</summary>
    public bool Training { get; }

    /// <summary>Its name in reports and errors.</summary>
    public string Name { get; }

    /// <summary>The parameters used so far, in the order of first use.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The layer path that new nodes get: "block2.conv1".</summary>
    public string ScopeName => string.Join('.', _scopes);

    internal IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>What <see cref="AddAuxiliary"/> was told.</summary>
    internal IReadOnlyList<(Value Output, float Weight)> Auxiliary => _auxiliary;

    /// <summary>A tensor as a value. The same tensor gives the same value.</summary>
    /// <param name="tensor">An input, a state or a result; it keeps its content between runs.</param>
    /// <param name="name">Its name in reports and errors.</param>
    /// <returns>The value, of the tensor's shape and data type.</returns>
    public Value Bind(Tensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!_bound.TryGetValue(tensor, out var value))
        {
            value = Add(new BoundNode(this, tensor, name)).Outputs[0];
            _bound.Add(tensor, value);
        }

        return value;
    }

    /// <summary>A model's parameter as a value, remembered in <see cref="Parameters"/>.</summary>
    /// <param name="parameter">It needs a tensor when the graph is compiled, not before.</param>
    /// <returns>The value.</returns>
    public Value Parameter(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        if (_bound.TryGetValue(parameter, out var value)) return value;
        _parameters.Add(parameter);
        if (parameter.Tensor is { } tensor && _bound.TryGetValue(tensor, out value))
        {
            _bound.Add(parameter, value);
            return value;
        }

        value = Add(new BoundNode(this, parameter)).Outputs[0];
        _bound.Add(parameter, value);
        if (parameter.Tensor is not null) _bound.Add(parameter.Tensor, value);
        return value;
    }

    /// <summary>
    /// A value of a shape but without a tensor, to trace a model for its shapes. A graph that uses it
    /// cannot be compiled.
    /// </summary>
    /// <param name="dtype">Its data type.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="name">Its name in errors.</param>
    /// <returns>The value.</returns>
    public Value Declare(DType dtype, Shape shape, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Add(new BoundNode(this, dtype, shape, name)).Outputs[0];
    }

    /// <summary>A number of shape () that broadcasts with anything.</summary>
    /// <param name="value">The number.</param>
    /// <returns>The value.</returns>
    public Value Constant(float value)
    {
        var bits = BitConverter.SingleToInt32Bits(value);
        if (!_constants.TryGetValue(bits, out var constant))
        {
            constant = Add(new ConstantNode(this, value)).Outputs[0];
            _constants.Add(bits, constant);
        }

        return constant;
    }

    /// <summary>Float32 numbers that never change: a table of weights, a mask.</summary>
    /// <param name="values">The numbers, row-major; copied.</param>
    /// <param name="shape">A shape of as many elements.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ShapeException">The numbers of elements differ.</exception>
    public Value Constant(ReadOnlySpan<float> values, Shape shape)
    {
        if (shape.Count != values.Length)
            throw this.Mismatch("Constant", $"{shape.Count} elements", $"{values.Length} elements", $"{shape} has {shape.Count} elements, there are {values.Length} numbers");
        return Add(new ArrayNode(this, values, shape)).Outputs[0];
    }

    /// <summary>
    /// Says that a value in the middle of a model is an output of its own, which training compares with the same
    /// target: the side heads of Szegedy et al. ("Going deeper with convolutions", 2015), the stages of a pose machine.
    /// </summary>
    /// <param name="output">An output of the shape that the loss takes for the model's target.</param>
    /// <param name="weight">The factor of its loss in the sum, above 0.</param>
    /// <remarks>For layers, in graphs whose <see cref="Training"/> is true.</remarks>
    public void AddAuxiliary(Value output, float weight)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(weight);
        _auxiliary.Add((output, weight));
    }

    /// <summary>Writes a value to a tensor in every run.</summary>
    /// <param name="value">The value.</param>
    /// <param name="target">A tensor of the same shape and data type.</param>
    /// <exception cref="ShapeException">The shapes or data types differ.</exception>
    public void Store(Value value, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(target);
        Store(value, Bind(target, value.Name + ".result"));
    }

    /// <summary>
    /// The gradients of a loss, added to the graph as nodes by reverse-mode differentiation. Nothing is
    /// computed but what these gradients need.
    /// </summary>
    /// <param name="loss">A float32 value of shape ().</param>
    /// <param name="withRespectTo">The values to differentiate by, for instance the parameters.</param>
    /// <returns>One gradient for each, of its shape.</returns>
    /// <exception cref="ShapeException">The loss is not a float32 number.</exception>
    /// <exception cref="ArgumentException">The loss does not depend on one of the values; it is named.</exception>
    /// <exception cref="NotSupportedException">An operator on the way has no derivative; its layer is named.</exception>
    public IReadOnlyList<Value> Gradients(Value loss, ReadOnlySpan<Value> withRespectTo)
    {
        ArgumentNullException.ThrowIfNull(loss);
        if (loss.Shape.Rank != 0 || loss.DType != DType.Float32)
        {
            throw this.Mismatch(
                "Gradients", "Float32 ()", $"{loss.DType} {loss.Shape}",
                $"the loss '{loss.Name}' is {loss.DType} {loss.Shape}, expected one float32 number of shape ()");
        }

        return new Differentiation(this, loss, Constant(1f), withRespectTo).Run();
    }

    /// <summary>
    /// A vector times the Jacobian: the gradients of the sum of <paramref name="gradOutput"/> *
    /// <paramref name="output"/>, with gradOutput taken as constant.
    /// </summary>
    /// <param name="output">A float32 value of any shape.</param>
    /// <param name="gradOutput">The gradient by it of what follows, of its shape.</param>
    /// <param name="withRespectTo">The values to differentiate by.</param>
    /// <returns>One gradient for each, of its shape.</returns>
    /// <exception cref="ShapeException">gradOutput has another shape or data type than the output.</exception>
    /// <exception cref="ArgumentException">The output does not depend on one of the values; it is named.</exception>
    /// <exception cref="NotSupportedException">An operator on the way has no derivative; its layer is named.</exception>
    public IReadOnlyList<Value> Gradients(Value output, Value gradOutput, ReadOnlySpan<Value> withRespectTo)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(gradOutput);
        if (output.Shape != gradOutput.Shape || output.DType != DType.Float32 || gradOutput.DType != DType.Float32)
        {
            throw this.Mismatch(
                "Gradients", $"Float32 {output.Shape}", $"{gradOutput.DType} {gradOutput.Shape}",
                $"the gradient '{gradOutput.Name}' is {gradOutput.DType} {gradOutput.Shape}, the output '{output.Name}' is {output.DType} {output.Shape}; both must be float32 of one shape");
        }

        return new Differentiation(this, output, gradOutput, withRespectTo).Run();
    }

    /// <summary>Names the nodes added until it is disposed: scopes nest, "block2" then "conv1" gives "block2.conv1".</summary>
    /// <param name="layerName">The layer's own name; empty adds nothing to the path.</param>
    /// <returns>Dispose it to leave the scope.</returns>
    public IDisposable Scope(string layerName)
    {
        ArgumentNullException.ThrowIfNull(layerName);
        if (layerName.Length == 0) return new ScopeEnd(null);
        _scopes.Add(layerName);
        return new ScopeEnd(_scopes);
    }

    /// <summary>
    /// Turns the graph into a program of a device: removes what nobody needs, computes equal things once,
    /// joins element-wise operators with each other and with the operators before them, and has the
    /// engine choose kernels and place memory. The graph itself is left as it is.
    /// </summary>
    /// <param name="device">The device; all bound tensors must be on it.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <returns>The program; dispose it to free its memory.</returns>
    /// <exception cref="InvalidOperationException">A bound parameter or input has no tensor.</exception>
    /// <exception cref="DeepNativeException">The engine refused an operator or is out of memory.</exception>
    public CompiledProgram Compile(Device device, CompileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        options ??= CompileOptions.Default;
        var plan = GraphPlan.Of(this);
        if (options.Optimize) plan.Optimize();
        plan.Lower(device, options.Precision);
        return CompiledProgram.Create(device, Name, plan, options);
    }

    /// <summary>Lets a tensor stand for a parameter that is used later.</summary>
    internal void Represent(Parameter parameter, Tensor tensor) => _bound.Add(parameter, Bind(tensor, parameter.Name));

    internal void Store(Value value, Value target)
    {
        if (value.Shape != target.Shape || value.DType != target.DType)
        {
            throw this.Mismatch(
                "Store", $"{target.DType} {target.Shape}", $"{value.DType} {value.Shape}",
                $"value '{value.Name}' is {value.DType} {value.Shape}, its tensor is {target.DType} {target.Shape}");
        }

        Add(new StoreNode(this, value, target));
    }

    internal T Add<T>(T node)
        where T : Node
    {
        node.Order = _nodes.Count;
        _nodes.Add(node);
        return node;
    }

    // Tells apart the random operators of one program.
    internal int NextRandomStream() => _randomCount++;

    // Replaces the whole path: derivative nodes are named after the node that they differentiate.
    internal IDisposable ScopePath(string path)
    {
        var saved = _scopes.ToArray();
        _scopes.Clear();
        if (path.Length > 0) _scopes.Add(path);
        return new ScopeRestore(_scopes, saved);
    }

    private sealed class ScopeEnd(List<string>? scopes) : IDisposable
    {
        private List<string>? _scopes = scopes;

        public void Dispose()
        {
            _scopes?.RemoveAt(_scopes.Count - 1);
            _scopes = null;
        }
    }

    private sealed class ScopeRestore(List<string> scopes, string[] saved) : IDisposable
    {
        public void Dispose()
        {
            scopes.Clear();
            scopes.AddRange(saved);
        }
    }
}
