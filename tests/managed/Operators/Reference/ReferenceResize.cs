using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

/// <summary>Every pair of an input and an output element with its weight, one factor for each axis.</summary>
internal static class ReferenceResize
{
    public static void Run(Interpreter run, ResizeNode node)
    {
        var (small, large) = (node.Inputs[0]!.Shape, node.Outputs[0].Shape);
        var x = run[node.Inputs[0]!];
        var y = new double[large.Count];
        foreach (var (from, to, weight) in Pairs(small, large, node.Mode, node.Coordinates)) y[to] += weight * x[from];
        run.Set(node.Outputs[0], y);
    }

    public static void Run(Interpreter run, ResizeBackwardNode node)
    {
        var (small, large) = (node.Outputs[0].Shape, node.Inputs[0]!.Shape);
        var g = run[node.Inputs[0]!];
        var result = new double[small.Count];
        foreach (var (from, to, weight) in Pairs(small, large, node.Mode, node.Coordinates)) result[from] += weight * g[to];
        run.Set(node.Outputs[0], result);
    }

    private static IEnumerable<(long From, long To, double Weight)> Pairs(Shape small, Shape large, ResizeMode mode, ResizeCoordinates coordinates)
    {
        var tables = Enumerable.Range(2, small.Rank - 2).Select(axis => Table(small[axis], large[axis], mode, coordinates)).ToArray();
        var to = 0L;
        foreach (var index in Indexing.All(large))
        {
            IEnumerable<(long From, double Weight)> found = [(index[0] * small[1] + index[1], 1.0)];
            for (var axis = 2; axis < small.Rank; axis++)
            {
                var (extent, terms) = (small[axis], tables[axis - 2][index[axis]]);
                found = [.. found.SelectMany(left => terms.Select(term => (left.From * extent + term.From, left.Weight * term.Weight)))];
            }

            foreach (var (from, weight) in found) yield return (from, to, weight);
            to++;
        }
    }

    // For each output of an axis the elements that it reads.
    private static List<(long From, double Weight)>[] Table(long h, long p, ResizeMode mode, ResizeCoordinates coordinates)
    {
        var table = new List<(long From, double Weight)>[p];
        for (long i = 0; i < p; i++)
        {
            table[i] = [];
            if (mode == ResizeMode.Nearest)
            {
                table[i].Add((i * h / p, 1.0));
            }
            else if (mode == ResizeMode.Area)
            {
                var (begin, end) = (i * h / p, ((i + 1) * h + p - 1) / p);
                for (var from = begin; from < end; from++) table[i].Add((from, 1.0 / (end - begin)));
            }
            else
            {
                var place = coordinates == ResizeCoordinates.AlignCorners
                    ? p == 1 ? 0.0 : (double)i * (h - 1) / (p - 1)
                    : Math.Max(0.0, (i + 0.5) * h / p - 0.5);
                var begin = Math.Min((long)Math.Floor(place), h - 1);
                var weight = place - begin;
                table[i].Add((begin, begin == h - 1 ? 1.0 : 1.0 - weight));
                if (begin < h - 1 && weight != 0) table[i].Add((begin + 1, weight));
            }
        }

        return table;
    }
}
