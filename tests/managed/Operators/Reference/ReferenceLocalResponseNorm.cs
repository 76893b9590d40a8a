using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceLocalResponseNorm
{
    public static void Run(Interpreter run, LocalResponseNormNode node)
    {
        var x = run[node.Inputs[0]!];
        var y = new double[x.Length];
        foreach (var line in Lines(node.Outputs[0].Shape))
        {
            for (var c = 0; c < line.Length; c++) y[line[c]] = x[line[c]] * Math.Pow(Scale(node.Response, x, line, c), -(double)node.Response.Beta);
        }

        run.Set(node.Outputs[0], y);
    }

    public static void Run(Interpreter run, LocalResponseNormBackwardNode node)
    {
        var (x, g) = (run[node.Inputs[0]!], run[node.Inputs[1]!]);
        var r = node.Response;
        var result = new double[x.Length];
        foreach (var line in Lines(node.Outputs[0].Shape))
        {
            for (var c = 0; c < line.Length; c++)
            {
                var scale = Scale(r, x, line, c);
                result[line[c]] += g[line[c]] * Math.Pow(scale, -(double)r.Beta);

                // y[c] depends on all channels of its window, through the scale.
                var slope = g[line[c]] * x[line[c]] * -(double)r.Beta * Math.Pow(scale, -(double)r.Beta - 1);
                foreach (var j in Window(r, line.Length, c)) result[line[j]] += slope * 2 * r.Alpha / r.Size * x[line[j]];
            }
        }

        run.Set(node.Outputs[0], result);
    }

    private static double Scale(LocalResponse r, double[] x, long[] line, int c) =>
        r.K + (double)r.Alpha / r.Size * Window(r, line.Length, c).Sum(j => x[line[j]] * x[line[j]]);

    private static IEnumerable<int> Window(LocalResponse r, int channels, int c)
    {
        for (var j = Math.Max(0, c - r.Size / 2); j <= Math.Min(channels - 1, c + (r.Size - 1) / 2); j++) yield return j;
    }

    // The places of a position's channels.
    private static IEnumerable<long[]> Lines(Shape shape)
    {
        var inner = shape.From(2).Count;
        for (long n = 0; n < shape[0]; n++)
        {
            for (long i = 0; i < inner; i++)
            {
                var line = new long[shape[1]];
                for (var c = 0; c < line.Length; c++) line[c] = (n * shape[1] + c) * inner + i;
                yield return line;
            }
        }
    }
}
