using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceSoftmax
{
    public static void Run(Interpreter run, SoftmaxNode node)
    {
        var x = run[node.Inputs[0]!];
        var y = new double[x.Length];
        foreach (var line in Lines(node.Outputs[0].Shape, node.Axis))
        {
            var logarithm = LogSumExp(x, line);
            foreach (var i in line) y[i] = node.Log ? x[i] - logarithm : Math.Exp(x[i] - logarithm);
        }

        run.Set(node.Outputs[0], y);
    }

    public static void Run(Interpreter run, SoftmaxBackwardNode node)
    {
        var (y, g) = (run[node.Inputs[0]!], run[node.Inputs[1]!]);
        var result = new double[y.Length];
        foreach (var line in Lines(node.Outputs[0].Shape, node.Axis))
        {
            var sum = line.Sum(i => node.Log ? g[i] : g[i] * y[i]);
            foreach (var i in line) result[i] = node.Log ? g[i] - Math.Exp(y[i]) * sum : y[i] * (g[i] - sum);
        }

        run.Set(node.Outputs[0], result);
    }

    public static void Run(Interpreter run, SoftmaxCrossEntropyNode node)
    {
        var logits = node.Inputs[0]!;
        var (x, labels, weights) = (run[logits], run[node.Inputs[1]!], run.Input(node, 2));
        var gradient = new double[x.Length];
        var loss = 0.0;
        var sample = 0;
        foreach (var line in Lines(logits.Shape, 1))
        {
            var label = (int)labels[sample];
            var factor = node.Scale * (weights is null ? 1.0 : weights[sample]);
            sample++;
            if (label == node.IgnoreIndex) continue;
            var logarithm = LogSumExp(x, line);
            for (var k = 0; k < line.Length; k++)
            {
                var target = (double)node.LabelSmoothing / line.Length + (k == label ? 1 - (double)node.LabelSmoothing : 0);
                if (target > 0) loss += factor * target * (logarithm - x[line[k]]);
                gradient[line[k]] = factor * (Math.Exp(x[line[k]] - logarithm) - target);
            }
        }

        run.Set(node.Outputs[0], [loss]);
        run.Set(node.Outputs[1], gradient);
    }

    private static double LogSumExp(double[] x, long[] line)
    {
        var largest = line.Max(i => x[i]);
        return largest + Math.Log(line.Sum(i => Math.Exp(x[i] - largest)));
    }

    // The positions along the axis, for each index of the other axes in row-major order.
    private static IEnumerable<long[]> Lines(Shape shape, int axis)
    {
        var inner = shape.From(axis + 1).Count;
        var outer = shape.Until(axis).Count;
        for (long o = 0; o < outer; o++)
        {
            for (long i = 0; i < inner; i++)
            {
                var line = new long[shape[axis]];
                for (var k = 0; k < line.Length; k++) line[k] = (o * shape[axis] + k) * inner + i;
                yield return line;
            }
        }
    }
}
