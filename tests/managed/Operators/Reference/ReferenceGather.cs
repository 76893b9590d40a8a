using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceGather
{
    public static void Run(Interpreter run, GatherNode node)
    {
        var (x, indices) = (run[node.Inputs[0]!], run[node.Inputs[1]!]);
        var shape = node.Outputs[0].Shape;
        var row = shape.From(1).Count;
        var position = run.Input(node, 2) is { } given ? (long)given[0] : 0;
        var y = new double[shape.Count];
        for (var i = 0L; i < y.Length; i++) y[i] = x[(long)indices[position + i / row] * row + i % row];
        run.Set(node.Outputs[0], y);
        if (node.Advance) run.Overwrite(node, 2, [position + shape[0]]);
    }
}
