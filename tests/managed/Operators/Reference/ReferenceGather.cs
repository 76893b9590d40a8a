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

    public static void Run(Interpreter run, GatherRowsBackwardNode node)
    {
        var (source, indices) = (run[node.Inputs[0]!], run[node.Inputs[1]!]);
        var shape = node.Outputs[0].Shape;
        var row = shape.From(1).Count;
        var y = new double[shape.Count];
        for (var i = 0L; i < source.Length; i++)
        {
            var m = (long)indices[i / row];
            if (m != node.PaddingIndex) y[m * row + i % row] += source[i];
        }

        run.Set(node.Outputs[0], y);
    }

    public static void Run(Interpreter run, GatherAlongNode node)
    {
        var (x, indices) = (run[node.Inputs[0]!], run[node.Inputs[1]!]);
        var y = new double[node.Outputs[0].Shape.Count];
        foreach (var (place, element) in Elements(node.Inputs[1]!.Shape, node.Inputs[0]!.Shape, node.Axis, indices)) y[place] = x[element];
        run.Set(node.Outputs[0], y);
    }

    public static void Run(Interpreter run, GatherAlongBackwardNode node)
    {
        var (source, indices) = (run[node.Inputs[0]!], run[node.Inputs[1]!]);
        var y = new double[node.Outputs[0].Shape.Count];
        foreach (var (place, element) in Elements(node.Inputs[1]!.Shape, node.Outputs[0].Shape, node.Axis, indices)) y[element] += source[place];
        run.Set(node.Outputs[0], y);
    }

    // Each index's own place and the place in the large tensor that it points to.
    private static IEnumerable<(long Place, long Element)> Elements(Shape shape, Shape large, int axis, double[] indices)
    {
        var place = 0L;
        foreach (var index in Indexing.All(shape))
        {
            var at = (long[])index.Clone();
            at[axis] = (long)indices[place];
            yield return (place, Indexing.Flat(large, at));
            place++;
        }
    }
}
