using DeepNative.Operators;

namespace DeepNative;

/// <summary>
/// Lets convolutions and matrix products multiply numbers of 16 bits, and keeps in them what flows between: weights are
/// cast once a run from their float32 tensors, gradients of weights stay float32, and so does everything for which the
/// device has no kernel of 16 bits.
/// </summary>
/// <remarks>
/// It runs behind differentiation and fusion, on all nodes alike: derivatives need no rules of their own, and only what
/// lies in memory is rounded. A value has 16 bits where that saves something and changes least: it is multiplied, or it
/// comes from such a node and leads to one, through nodes that take 16 bits. So logits, losses, statistics and updates,
/// which lead to no product, are float32.
/// </remarks>
internal sealed class MixedPrecision(Device device, DType type) : IGraphPass
{
    private readonly HashSet<Value> _wanted = [];
    private readonly HashSet<Value> _operands = [];
    private readonly HashSet<Value> _short = [];
    private readonly Dictionary<(Value Value, DType Type), PointwiseNode> _casts = [];

    public void Run(GraphPlan plan)
    {
        for (var i = plan.Nodes.Count - 1; i >= 0; i--) FindWanted(plan.Nodes[i]);
        foreach (var node in plan.Nodes) FindShort(node);
        if (_short.Count == 0 && _operands.Count == 0) return;
        foreach (var value in _short) value.DType = type;
        foreach (var node in plan.Nodes.ToArray()) Connect(plan, node);
    }

    // Which values the nodes behind would rather have short; from the last node to the first.
    private void FindWanted(Node node)
    {
        if (Data(node) is not { } data) return;
        var leads = data.Rule == DataRule.Product || AnyOutput(node, data, _wanted);
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            if (!data.IsInput(i) || node.Inputs[i] is not { DType: DType.Float32 } input) continue;
            if (data.IsOperand(i)) _operands.Add(input);
            if (data.IsOperand(i) || (leads && IsWhole(node, input, data))) _wanted.Add(input);
        }
    }

    // Which values are short; from the first node to the last.
    private void FindShort(Node node)
    {
        if (Data(node) is not { } data) return;
        var follows = AnyInput(node, data, _short);
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            var output = node.Outputs[i];
            if (!data.IsOutput(i) || output.DType != DType.Float32) continue;
            var isShort = data.Rule switch
            {
                DataRule.Product => true,
                DataRule.FreeProduct => _wanted.Contains(output),
                DataRule.Uniform => follows && AnyOutput(node, data, _wanted),
                _ => _operands.Contains(output) || (follows && _wanted.Contains(output)),
            };
            if (isShort) _short.Add(output);
        }
    }

    // Gives each input of a node the type that the node takes.
    private void Connect(GraphPlan plan, Node node)
    {
        var data = Data(node);
        if (data is { Rule: DataRule.Free }) return;
        var output = data is { } known && AnyOutput(node, known, _short) ? type : DType.Float32;
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { } input || (input.DType != DType.Float32 && !_short.Contains(input))) continue;
            var wanted = data is not { } uses || !uses.IsInput(i) ? DType.Float32 : uses.IsOperand(i) ? type : output;
            if (input.DType != wanted) plan.Change(node, Cast(plan, node, input, wanted, i));
        }
    }

    private Action Cast(GraphPlan plan, Node reader, Value value, DType wanted, int index)
    {
        // Of a tensor that was overwritten meanwhile the cast is another one.
        if (!_casts.TryGetValue((value, wanted), out var cast) || !plan.CanReadAt(cast, reader.Order))
        {
            cast = PointwiseNode.Cast(value, wanted);
            plan.InsertBefore(reader, cast);
            _casts[(value, wanted)] = cast;
        }

        return () => reader.SetInput(index, cast.Outputs[0]);
    }

    // What of a node can be short on the device.
    private NodeData? Data(Node node) =>
        node.Data is { } data && OperatorCatalog.Takes(device, data, type) ? data : null;

    // Numbers that are repeated over the data, as of channels, are not worth rounding.
    private static bool IsWhole(Node node, Value input, NodeData data) => data.Rule != DataRule.Free || input.Shape == node.Outputs[0].Shape;

    private static bool AnyOutput(Node node, NodeData data, HashSet<Value> set)
    {
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (data.IsOutput(i) && set.Contains(node.Outputs[i])) return true;
        }

        return false;
    }

    private static bool AnyInput(Node node, NodeData data, HashSet<Value> set)
    {
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            if (data.IsInput(i) && node.Inputs[i] is { } input && set.Contains(input)) return true;
        }

        return false;
    }
}
