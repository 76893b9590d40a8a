namespace DeepNative;

/// <summary>
/// Computes equal things once: nodes of one class with equal attributes and inputs, between which no
/// tensor that they read is overwritten.
/// </summary>
internal sealed class CommonSubexpressions : IGraphPass
{
    public void Run(GraphPlan plan)
    {
        var known = new Dictionary<Key, Node>();
        foreach (var node in plan.Nodes.ToArray())
        {
            if (node.HasEffect) continue;
            var key = new Key(node);
            if (!known.TryGetValue(key, out var first) || !plan.CanReadAt(first, node.Order))
            {
                known[key] = node;
                continue;
            }

            for (var i = 0; i < node.Outputs.Count; i++) plan.Replace(node.Outputs[i], first.Outputs[i]);
            plan.Remove(node);
        }
    }

    private readonly struct Key(Node node) : IEquatable<Key>
    {
        private readonly Node _node = node;

        public bool Equals(Key other) =>
            _node.GetType() == other._node.GetType()
            && Equals(_node.Attributes, other._node.Attributes)
            && _node.Inputs.SequenceEqual(other._node.Inputs)
            && _node.Outputs.Select(o => (o.DType, o.Shape)).SequenceEqual(other._node.Outputs.Select(o => (o.DType, o.Shape)));

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(_node.GetType());
            foreach (var input in _node.Inputs) hash.Add(input);
            return hash.ToHashCode();
        }
    }
}
