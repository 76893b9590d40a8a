using DeepNative.Operators;

namespace DeepNative;

/// <summary>
/// Lets a matrix product or convolution apply the pointwise node behind it to each finished element, when
/// that is the only reader and its other inputs have the output's shape.
/// </summary>
internal sealed class EpilogueFusion : IGraphPass
{
    public void Run(GraphPlan plan)
    {
        foreach (var node in plan.Nodes.ToArray())
        {
            if (node is IEpilogueHost { TakesEpilogue: true } && plan.Readers(node.Outputs[0]) is [PointwiseNode reader])
                Fuse(plan, node, (IEpilogueHost)node, reader);
        }
    }

    private static void Fuse(GraphPlan plan, Node host, IEpilogueHost epilogueHost, PointwiseNode reader)
    {
        var output = reader.Outputs[0];
        if (reader.Outputs.Count != 1 || output.DType != DType.Float32 || PointwiseFusion.BelongsToPooling(plan, reader)) return;
        foreach (var input in reader.Inputs)
        {
            if (input!.Shape != output.Shape || input.DType != DType.Float32) return;
        }

        // An update writes what it reads: it stays one pointwise operator, in place.
        if (plan.Readers(output).Any(store => store is StoreNode { Target: var target } && reader.Reads(target))) return;

        // The product moves to its reader's place, where all other inputs are there.
        if (!plan.CanReadAt(host, reader.Order)) return;
        var finished = host.Outputs[0];
        var others = reader.Inputs.Where(input => input != finished).Select(input => input!).ToArray();
        var builder = new ExpressionBuilder();
        var stands = reader.Inputs.Select(input => builder.Input(input == finished ? 0 : 1 + Array.IndexOf(others, input))).ToArray();
        var values = builder.Append(reader.Expression, stands);
        var epilogue = builder.Build([values[reader.Expression.OutputValue(0)]]);
        plan.Remove(reader);
        plan.Change(host, () => epilogueHost.TakeEpilogue(epilogue, others, output));
        plan.Move(host, reader.Order);
    }
}
