using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferencePooling
{
    public static void Run(Interpreter run, PoolingNode node)
    {
        var x = node.Inputs[0]!;
        var numbers = run[x];
        var result = new double[node.Outputs[0].Shape.Count];
        var taps = new double[result.Length];
        var position = 0;
        foreach (var output in Indexing.All(node.Outputs[0].Shape))
        {
            var window = Window(node.Window, x.Shape, output);
            var winner = window.Find(w => double.IsNaN(numbers[w.Input]));
            if (!window.Exists(w => double.IsNaN(numbers[w.Input])))
                winner = window.Find(w => numbers[w.Input] == window.Max(other => numbers[other.Input]));
            result[position] = node.Window.Mode == PoolingMode.Max
                ? numbers[winner.Input]
                : window.Sum(w => numbers[w.Input]) / Divisor(node.Window, window.Count);
            taps[position++] = winner.Tap;
        }

        run.Set(node.Outputs[0], result);
        if (node.Outputs.Count > 1) run.Set(node.Outputs[1], taps);
    }

    public static void Run(Interpreter run, PoolingBackwardNode node)
    {
        var gradOutput = node.Inputs[0]!;
        var numbers = run[gradOutput];
        var taps = run.Input(node, 1);
        var result = new double[node.Outputs[0].Shape.Count];
        var position = 0;
        foreach (var output in Indexing.All(gradOutput.Shape))
        {
            var window = Window(node.Window, node.Outputs[0].Shape, output);
            foreach (var (input, tap) in window)
            {
                if (taps is null) result[input] += numbers[position] / Divisor(node.Window, window.Count);
                else if (taps[position] == tap) result[input] += numbers[position];
            }

            position++;
        }

        run.Set(node.Outputs[0], result);
    }

    public static void Run(Interpreter run, PoolingTapNode node)
    {
        var x = node.Inputs[0]!;
        var (numbers, taps) = (run[x], run.Input(node, 1)!);
        var result = new double[node.Outputs[0].Shape.Count];
        var position = 0;
        foreach (var output in Indexing.All(node.Outputs[0].Shape))
        {
            foreach (var (input, tap) in Window(node.Window, x.Shape, output))
                if (taps[position] == tap) result[position] = numbers[input];
            position++;
        }

        run.Set(node.Outputs[0], result);
    }

    private static double Divisor(PoolWindow window, int inside) =>
        window.Mode == PoolingMode.Average ? inside : window.Kernel.Count;

    // The elements of the input in one window, with their positions in it.
    private static List<(long Input, long Tap)> Window(PoolWindow window, Shape x, long[] output)
    {
        var inside = new List<(long Input, long Tap)>();
        var input = output.ToArray();
        foreach (var tap in Indexing.All(window.Kernel))
        {
            var isInside = true;
            for (var axis = 0; axis < tap.Length; axis++)
            {
                input[axis + 2] = output[axis + 2] * window.Stride[axis] - window.PaddingBegin[axis] + tap[axis];
                isInside &= input[axis + 2] >= 0 && input[axis + 2] < x[axis + 2];
            }

            if (isInside) inside.Add((Indexing.Flat(x, input), Indexing.Flat(window.Kernel, tap)));
        }

        return inside;
    }
}
