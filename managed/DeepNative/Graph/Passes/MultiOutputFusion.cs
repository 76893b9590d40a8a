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
            while (plan.Nodes[i] is PointwiseNode node && Partner(plan, node) is var (partner, expression, inputs))
            {
                plan.Remove(partner);
                plan.Change(node, () => node.Become(expression, inputs, [.. partner.Outputs, .. node.Outputs]));
            }
        }
    }

    // The first later node that can run at this one's place, and the merged expression: the later's outputs first.
    private static (PointwiseNode Partner, Expression Expression, Value[] Inputs)? Partner(GraphPlan plan, PointwiseNode node)
    {
        if (PointwiseFusion.BelongsToPooling(plan, node)) return null;
        foreach (var candidate in Neighbours(plan, node))
        {
            if (candidate.Shape != node.Shape || PointwiseFusion.BelongsToPooling(plan, candidate)) continue;

            // What is read from memory was rounded to its data type; a joined value is not.
            if (node.Outputs.Any(output => output.DType != DType.Float32 && candidate.Reads(output))) continue;
            if (!CanRunAt(plan, candidate, node)) continue;
            var (expression, inputs) = candidate.Join(node, keepOutputs: true);
            if (PointwiseFusion.Fits(expression, inputs.Length)) return (candidate, expression, inputs);
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
