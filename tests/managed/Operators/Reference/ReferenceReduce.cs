using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceReduce
{
    public static void Run(Interpreter run, ReduceNode node)
    {
        var x = node.Inputs[0]!;
        var numbers = run[x];
        var kept = x.Shape;
        for (var axis = 0; axis < kept.Rank; axis++)
        {
            if ((node.Axes & (1 << axis)) != 0) kept = kept.With(axis, 1);
        }

        var groups = new List<double>[kept.Count];
        for (var i = 0; i < groups.Length; i++) groups[i] = [];
        var position = 0;
        foreach (var index in Indexing.All(x.Shape)) groups[Indexing.Broadcast(kept, index)].Add(numbers[position++]);
        run.Set(node.Outputs[0], Array.ConvertAll(groups, group => Reduce(node.Mode, group)));
    }

    private static double Reduce(ReduceMode mode, List<double> group) => mode switch
    {
        ReduceMode.Sum => group.Sum(),
        ReduceMode.Mean => group.Sum() / group.Count,
        ReduceMode.Max => group[Winner(group)],
        _ => Winner(group),
    };

    // The first of the largest; the first NaN when there is one.
    private static int Winner(List<double> group)
    {
        var winner = 0;
        for (var i = 1; i < group.Count && !double.IsNaN(group[winner]); i++)
        {
            if (group[i] > group[winner] || double.IsNaN(group[i])) winner = i;
        }

        return winner;
    }
}
