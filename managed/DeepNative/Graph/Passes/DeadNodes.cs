namespace DeepNative;

/// <summary>Removes what neither overwrites a tensor nor is read by anything.</summary>
internal sealed class DeadNodes : IGraphPass
{
    public void Run(GraphPlan plan)
    {
        for (var i = plan.Nodes.Count - 1; i >= 0; i--)
        {
            var node = plan.Nodes[i];
            if (!node.HasEffect && node.Outputs.All(output => plan.Readers(output).Count == 0)) plan.Remove(node);
        }
    }
}
