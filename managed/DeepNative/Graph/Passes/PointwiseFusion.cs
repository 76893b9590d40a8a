using DeepNative.Operators;

namespace DeepNative;

/// <summary>
/// Joins chains of pointwise nodes: a node takes in the expression of the pointwise node that it reads,
/// when it is the only reader, or when that one only repeats its input.
/// </summary>
/// <remarks>
/// A relu beside a pooling stays alone: the engine joins convolution, max pooling and relu, and in the
/// backward pass relu's gradient, the pooling's and the convolution's, which saves more than this would.
/// </remarks>
internal sealed class PointwiseFusion : IGraphPass
{
    // Keeps what one element needs within the engine's registers and one loop's streams.
    private const int MaxInstructions = 64;
    private const int MaxInputs = 12;

    public void Run(GraphPlan plan)
    {
        for (var i = plan.Nodes.Count - 1; i >= 0; i--)
        {
            // Joined producers lie before their reader, so the index may point behind the end afterwards.
            if (i < plan.Nodes.Count && plan.Nodes[i] is PointwiseNode reader) JoinProducers(plan, reader);
        }
    }

    /// <summary>Whether the engine looks for this very node next to a pooling.</summary>
    internal static bool BelongsToPooling(GraphPlan plan, PointwiseNode node)
    {
        if (node.Expression.Equals(Activations.ReluExpression)) return node.Inputs[0]!.Producer is PoolingNode;
        return node.Expression.Equals(Activations.ReluGradientExpression)
            && plan.Readers(node.Outputs[0]) is [PoolingBackwardNode];
    }

    /// <summary>Whether an expression is small enough for one operator.</summary>
    internal static bool Fits(Expression expression, int inputs) =>
        expression.Instructions.Length <= MaxInstructions && inputs <= MaxInputs;

    private static void JoinProducers(GraphPlan plan, PointwiseNode reader)
    {
        var tried = new HashSet<Node>();
        while (!BelongsToPooling(plan, reader) && Candidate(plan, reader, tried) is { } producer)
        {
            tried.Add(producer);
            var (expression, inputs) = reader.Join(producer, keepOutputs: false);
            if (!Fits(expression, inputs.Length)) continue;
            plan.Change(reader, () => reader.Become(expression, inputs, [.. reader.Outputs]));
            if (plan.Readers(producer.Outputs[0]).Count == 0) plan.Remove(producer);
        }
    }

    private static PointwiseNode? Candidate(GraphPlan plan, PointwiseNode reader, HashSet<Node> tried)
    {
        foreach (var input in reader.Inputs)
        {
            if (input?.Producer is PointwiseNode { Outputs.Count: 1 } producer
                && !tried.Contains(producer)
                && input.DType == DType.Float32
                && (producer.Expression.IsCopy || (plan.Readers(input).Count == 1 && IsWorthRepeating(producer, reader)))
                && !BelongsToPooling(plan, producer)
                && plan.CanReadAt(producer, reader.Order))
                return producer;
        }

        return null;
    }

    // A broadcast producer is evaluated again for each element of the reader, unless it is one number.
    private static bool IsWorthRepeating(PointwiseNode producer, PointwiseNode reader) =>
        producer.Shape == reader.Shape || (producer.Shape.Count == 1 && producer.Expression.Instructions.Length <= 8);
}
