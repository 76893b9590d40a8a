using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

/// <summary>Slices, padding, concatenation and transposition, element by element.</summary>
internal static class ReferenceMove
{
    public static void Run(Interpreter run, SliceNode node)
    {
        var (begin, step) = (node.Begin.ToArray(), node.Step.ToArray());
        Gather(run, node, 0, index => index.Select((at, axis) => begin[axis] + at * step[axis]));
    }

    public static void Run(Interpreter run, SliceSplitNode node)
    {
        var start = 0L;
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            var first = start;
            Gather(run, node, i, index => index.Select((at, axis) => axis == node.Axis ? first + at : at));
            start += node.Outputs[i].Shape[node.Axis];
        }
    }

    public static void Run(Interpreter run, TransposeNode node)
    {
        var permutation = node.Permutation.ToArray();
        Gather(run, node, 0, index => index.Select((_, axis) => index[Array.IndexOf(permutation, axis)]));
    }

    public static void Run(Interpreter run, ConcatNode node)
    {
        var result = new double[node.Outputs[0].Shape.Count];
        var i = 0;
        foreach (var index in Indexing.All(node.Outputs[0].Shape))
        {
            var part = 0;
            var at = index.ToArray();
            while (at[node.Axis] >= node.Inputs[part]!.Shape[node.Axis]) at[node.Axis] -= node.Inputs[part++]!.Shape[node.Axis];
            result[i++] = run[node.Inputs[part]!][Indexing.Flat(node.Inputs[part]!.Shape, at)];
        }

        run.Set(node.Outputs[0], result);
    }

    public static void Run(Interpreter run, PadNode node)
    {
        var (x, y) = (node.Inputs[0]!, node.Outputs[0]);
        var sources = Sources(node.Amount, x.Shape, y.Shape);
        run.Set(y, Array.ConvertAll(sources, from => from < 0 ? node.Amount.Value : run[x][from]));
    }

    public static void Run(Interpreter run, PadBackwardNode node)
    {
        var (y, x) = (node.Inputs[0]!, node.Outputs[0]);
        var sources = Sources(node.Amount, x.Shape, y.Shape);
        var sums = new double[x.Shape.Count];
        for (var i = 0; i < sources.Length; i++) sums[sources[i]] += run[y][i];
        run.Set(x, sums);
    }

    private static void Gather(Interpreter run, Node node, int output, Func<long[], IEnumerable<long>> place)
    {
        var (x, y) = (node.Inputs[0]!, node.Outputs[output]);
        var result = new double[y.Shape.Count];
        var i = 0;
        foreach (var index in Indexing.All(y.Shape)) result[i++] = run[x][Indexing.Flat(x.Shape, place(index).ToArray())];
        run.Set(y, result);
    }

    // For each element of y the position of that of x that it comes from; -1: none.
    private static long[] Sources(PadAmount amount, Shape x, Shape y)
    {
        var sources = new long[y.Count];
        var i = 0;
        foreach (var index in Indexing.All(y))
        {
            var position = 0L;
            for (var axis = 0; axis < y.Rank; axis++)
            {
                var at = index[axis] - amount.Begin[axis];
                var from = amount.Mode switch
                {
                    PadMode.Reflect => x[axis] - 1 - Math.Abs(x[axis] - 1 - Math.Abs(at)),
                    PadMode.Edge => Math.Clamp(at, 0, x[axis] - 1),
                    _ => at >= 0 && at % amount.Step[axis] == 0 && at / amount.Step[axis] < x[axis] ? at / amount.Step[axis] : -1,
                };
                position = position < 0 || from < 0 ? -1 : position * x[axis] + from;
            }

            sources[i++] = position;
        }

        return sources;
    }
}
