using System.Collections.Immutable;

namespace DeepNative;

/// <summary>
/// A graph on its way to a program: a copy of its nodes that passes may change, with the readers of every
/// value. Bound tensors come first; everything else keeps the graph's order.
/// </summary>
internal sealed class GraphPlan
{
    private static readonly ImmutableArray<IGraphPass> _passes =
    [
        new DeadNodes(),
        new CommonSubexpressions(),
        new PointwiseFusion(),
        new EpilogueFusion(),
        new MultiOutputFusion(),
        new DeadNodes(),
    ];

    private readonly List<Node> _nodes;
    private readonly Dictionary<Value, List<Node>> _readers = [];

    private GraphPlan(List<Node> nodes)
    {
        _nodes = nodes;
        for (var i = 0; i < nodes.Count; i++)
        {
            nodes[i].Order = i;
            Register(nodes[i]);
        }
    }

    /// <summary>The nodes in program order.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>The plan that computes exactly what the graph says.</summary>
    public static GraphPlan Of(Graph graph)
    {
        var values = new Dictionary<Value, Value>();
        var tensors = new Dictionary<Tensor, Value>(ReferenceEqualityComparer.Instance);
        var bound = new List<Node>();
        var others = new List<Node>();
        foreach (var node in graph.Nodes)
        {
            // A parameter that got its tensor late may have been bound twice: it is one value.
            if (node is BoundNode { Memory: { } memory } && !tensors.TryAdd(memory, node.Outputs[0]))
            {
                values.Add(node.Outputs[0], values[tensors[memory]]);
                continue;
            }

            var clone = node.CloneWith(value => values[value]);
            for (var i = 0; i < node.Outputs.Count; i++) values.Add(node.Outputs[i], clone.Outputs[i]);
            (node is BoundNode ? bound : others).Add(clone);
        }

        bound.AddRange(others);
        return new GraphPlan(bound);
    }

    public void Optimize()
    {
        foreach (var pass in _passes) pass.Run(this);
    }

    /// <summary>Lets the plan compute in a precision on a device; the last of all changes.</summary>
    public void Lower(Device device, Precision precision)
    {
        if (precision == Precision.Float32) return;
        new MixedPrecision(device, precision == Precision.BFloat16 ? DType.BFloat16 : DType.Float16).Run(this);
    }

    /// <summary>The nodes that read a value, each once.</summary>
    public IReadOnlyList<Node> Readers(Value value) => _readers.TryGetValue(value, out var readers) ? readers : [];

    /// <summary>Lets all readers of one value read another.</summary>
    public void Replace(Value from, Value to)
    {
        foreach (var reader in Readers(from).ToArray()) Change(reader, () => reader.ReplaceInput(from, to));
    }

    /// <summary>Changes a node's inputs.</summary>
    public void Change(Node node, Action change)
    {
        Unregister(node);
        change();
        Register(node);
    }

    public void Remove(Node node)
    {
        Unregister(node);
        _nodes.Remove(node);
    }

    /// <summary>Moves a node to the place of one that is gone.</summary>
    public void Move(Node node, int order)
    {
        _nodes.Remove(node);
        var index = _nodes.FindIndex(other => other.Order > order);
        _nodes.Insert(index < 0 ? _nodes.Count : index, node);
        node.Order = order;
    }

    /// <summary>Adds a node in front of another. All places are counted anew.</summary>
    public void InsertBefore(Node next, Node node)
    {
        _nodes.Insert(_nodes.IndexOf(next), node);
        for (var i = 0; i < _nodes.Count; i++) _nodes[i].Order = i;
        Register(node);
    }

    /// <summary>Whether a node could run at a later place: nothing it reads is overwritten in between.</summary>
    public bool CanReadAt(Node node, int order)
    {
        foreach (var input in node.Inputs)
        {
            if (input?.Producer is BoundNode && WritesBetween(input, node.Order, order)) return false;
        }

        return true;
    }

    /// <summary>Whether a bound value is overwritten by a node behind one place and before another.</summary>
    public bool WritesBetween(Value bound, int after, int before)
    {
        foreach (var reader in Readers(bound))
        {
            if (reader.Order > after && reader.Order < before && Overwrites(reader, bound)) return true;
        }

        return false;
    }

    /// <summary>Whether a node overwrites a bound value.</summary>
    public static bool Overwrites(Node node, Value bound)
    {
        foreach (var input in node.UpdatedInputs)
        {
            if (node.Inputs[input] == bound) return true;
        }

        return false;
    }

    private void Register(Node node)
    {
        foreach (var input in node.Inputs)
        {
            if (input is null) continue;
            if (!_readers.TryGetValue(input, out var readers)) _readers.Add(input, readers = []);
            if (!readers.Contains(node)) readers.Add(node);
        }
    }

    private void Unregister(Node node)
    {
        foreach (var input in node.Inputs)
        {
            if (input is not null && _readers.TryGetValue(input, out var readers)) readers.Remove(node);
        }
    }
}
