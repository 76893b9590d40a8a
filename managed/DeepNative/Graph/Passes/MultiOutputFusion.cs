using DeepNative.Operators;

namespace DeepNative;

/// <summary>
/// Merges two pointwise nodes of one shape into one with both outputs, when that saves reading a whole
/// tensor again: one reads the other's output, or both read the same input. The later one must be able to
/// run at the place of the earlier.
/// </summary>
internal sealed class MultiOutputFusion : IGraphPass
{
    public void Run(GraphPlan plan)
    {
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            while (plan.Nodes[i] is PointwiseNode node && Partner(plan, node) is var (partner, expression, inputs, isReader))
            {
                plan.Remove(partner);
                Value[] outputs = isReader ? [.. partner.Outputs, .. node.Outputs] : [.. node.Outputs, .. partner.Outputs];
                plan.Change(node, () => node.Become(expression, inputs, outputs));
            }
        }
    }

    // The first later node that can run at this one's place, and the merged expression.
    private static (PointwiseNode Partner, Expression Expression, Value[] Inputs, bool IsReader)? Partner(GraphPlan plan, PointwiseNode node)
    {
        if (PointwiseFusion.BelongsToPooling(plan, node)) return null;
        foreach (var candidate in Neighbours(plan, node))
        {
            if (candidate.Shape != node.Shape || PointwiseFusion.BelongsToPooling(plan, candidate)) continue;
            var reads = node.Outputs.Any(candidate.Reads);
            if (reads && node.Outputs.Count > 1) continue;
            if (reads && node.Outputs[0].DType != DType.Float32) continue;
            if (!CanRunAt(plan, candidate, node)) continue;
            var (expression, inputs) = reads ? candidate.Join(node, keepOutput: true) : node.Merge(candidate);
            if (PointwiseFusion.Fits(expression, inputs.Length)) return (candidate, expression, inputs, reads);
        }

        return null;
    }

    private static IEnumerable<PointwiseNode> Neighbours(GraphPlan plan, PointwiseNode node)
    {
        var shared = node.Inputs.Where(input => input!.Shape == node.Shape).Select(input => input!);
        return node.Outputs.Concat(shared)
            .SelectMany(plan.Readers)
            .OfType<PointwiseNode>()
            .Where(other => other.Order > node.Order)
            .Distinct()
            .OrderBy(other => other.Order);
    }

    private static bool CanRunAt(GraphPlan plan, PointwiseNode later, PointwiseNode place)
    {
        foreach (var input in later.Inputs)
        {
            var producer = input!.Producer;
            if (producer == place) continue;
            if (producer.Order > place.Order) return false;
            if (producer is BoundNode && plan.WritesBetween(input, place.Order, later.Order)) return false;
        }

        return true;
    }
}
