namespace DeepNative;

/// <summary>
/// One operator of a graph: attributes, inputs, outputs. Subclasses live beside their operator family,
/// which is the only code that knows their attributes.
/// </summary>
/// <remarks>
/// A node is a function of its inputs, except that it may overwrite some of them (UpdatedInputs), which
/// are then bound tensors. Such a node has an effect: it is never removed, merged or moved, and reads of
/// the tensor are never moved across it.
/// </remarks>
internal abstract class Node
{
    private Value?[] _inputs;
    private Value[] _outputs = [];

    protected Node(Graph graph, params ReadOnlySpan<Value?> inputs)
    {
        Graph = graph;
        Name = graph.ScopeName;
        foreach (var input in inputs)
        {
            if (input is not null && input.Graph != graph)
                throw new ArgumentException($"value '{input.Name}' belongs to graph '{input.Graph.Name}', not to '{graph.Name}'.");
        }

        _inputs = inputs.ToArray();
    }

    /// <summary>The graph that it was added to.</summary>
    public Graph Graph { get; }

    /// <summary>The scope in which it was added: the layer's path, with ".backward" for its derivative.</summary>
    public string Name
    {
        get => field.Length > 0 ? field : OperatorName;
        set;
    }

    /// <summary>The operator's name in messages.</summary>
    public abstract string OperatorName { get; }

    /// <summary>Position in program order; larger runs later. Set by the graph and kept by passes.</summary>
    public int Order { get; set; }

    /// <summary>Inputs in the engine's order; null: absent.</summary>
    public IReadOnlyList<Value?> Inputs => _inputs;

    /// <summary>New values, in the engine's order, before the in-place ones.</summary>
    public IReadOnlyList<Value> Outputs => _outputs;

    /// <summary>
    /// Indices of the inputs that are overwritten, in the order in which the engine lists them behind the
    /// new outputs.
    /// </summary>
    public virtual ReadOnlySpan<int> UpdatedInputs => [];

    public bool HasEffect => UpdatedInputs.Length > 0;

    /// <summary>
    /// The attributes as a value: nodes of one class with equal attributes and inputs compute the same.
    /// </summary>
    public abstract object? Attributes { get; }

    /// <summary>What of it may have 16 bits; null: nothing.</summary>
    public virtual NodeData? Data => null;

    /// <summary>Whether the engine can leave out this output when nobody reads it.</summary>
    public virtual bool IsOptional(int output) => false;

    /// <summary>
    /// The gradients of the inputs as new nodes of the graph: result[i] belongs to Inputs[i], null where
    /// there is none. Only inputs with context.Needs(i) are wanted.
    /// </summary>
    public abstract Value?[] Derivative(DerivativeContext context);

    /// <summary>Adds the node to a program.</summary>
    public abstract void Emit(ProgramWriter writer);

    /// <summary>A copy with its own outputs; inputs as mapped.</summary>
    public Node CloneWith(Func<Value, Value> map)
    {
        var clone = (Node)MemberwiseClone();
        clone._inputs = Array.ConvertAll(_inputs, input => input is null ? null : map(input));
        clone._outputs = Array.ConvertAll(_outputs, output => new Value(clone, output.Index, output.DType, output.Shape));
        return clone;
    }

    /// <summary>Redirects every use of one value as an input to another.</summary>
    public void ReplaceInput(Value from, Value to)
    {
        for (var i = 0; i < _inputs.Length; i++)
        {
            if (_inputs[i] == from) _inputs[i] = to;
        }
    }

    /// <summary>Lets one input read another value.</summary>
    public void SetInput(int index, Value value) => _inputs[index] = value;

    public bool Reads(Value value) => Array.IndexOf(_inputs, value) >= 0;

    protected Value AddOutput(DType dtype, Shape shape)
    {
        var output = new Value(this, _outputs.Length, dtype, shape);
        _outputs = [.. _outputs, output];
        return output;
    }

    protected void SetInputs(ReadOnlySpan<Value?> inputs) => _inputs = inputs.ToArray();

    // Takes over values of another node, so that their readers need not change.
    protected void AdoptOutputs(ReadOnlySpan<Value> outputs)
    {
        _outputs = outputs.ToArray();
        for (var i = 0; i < _outputs.Length; i++)
        {
            _outputs[i].Producer = this;
            _outputs[i].Index = i;
        }
    }

    protected NotSupportedException NoDerivative(string of) =>
        new($"layer '{Name}' ({OperatorName}): there is no derivative {of}.");
}
