using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceGroupNorm
{
    public static void Run(Interpreter run, GroupNormNode node)
    {
        var x = node.Inputs[0]!;
        var layout = new Layout(x.Shape, node.Axis, node.Groups);
        var (numbers, weight, bias) = (run[x], run.Input(node, 1), run.Input(node, 2));
        var y = new double[numbers.Length];
        var (mean, invStd) = (new double[layout.Count], new double[layout.Count]);
        for (var group = 0; group < layout.Count; group++)
        {
            var elements = layout.Elements(group);
            mean[group] = elements.Average(e => numbers[e.Index]);
            var variance = elements.Average(e => Math.Pow(numbers[e.Index] - mean[group], 2));
            invStd[group] = 1 / Math.Sqrt(variance + node.Epsilon);
            foreach (var (index, channel) in elements)
                y[index] = (numbers[index] - mean[group]) * invStd[group] * (weight?[channel] ?? 1) + (bias?[channel] ?? 0);
        }

        run.Set(node.Outputs[0], y);
        run.Set(node.Outputs[1], mean);
        run.Set(node.Outputs[2], invStd);
    }

    public static void Run(Interpreter run, GroupNormBackwardNode node)
    {
        var x = node.Inputs[0]!;
        var layout = new Layout(x.Shape, node.Axis, node.Groups);
        var (numbers, weight, mean, invStd) = (run[x], run.Input(node, 1), run[node.Inputs[2]!], run[node.Inputs[3]!]);
        var gradOutput = run[node.Inputs[4]!];
        var gradInput = new double[numbers.Length];
        var (gradWeight, gradBias) = (new double[x.Shape[node.Axis]], new double[x.Shape[node.Axis]]);
        for (var group = 0; group < layout.Count; group++)
        {
            var elements = layout.Elements(group);
            double Normal(int index) => (numbers[index] - mean[group]) * invStd[group];
            double Weighted((int Index, int Channel) e) => gradOutput[e.Index] * (weight?[e.Channel] ?? 1);
            var sum = elements.Average(Weighted);
            var product = elements.Average(e => Weighted(e) * Normal(e.Index));
            foreach (var e in elements)
            {
                gradInput[e.Index] = invStd[group] * (Weighted(e) - sum - Normal(e.Index) * product);
                gradWeight[e.Channel] += gradOutput[e.Index] * Normal(e.Index);
                gradBias[e.Channel] += gradOutput[e.Index];
            }
        }

        run.Set(node.Outputs[0], gradInput);
        run.Set(node.Outputs[1], gradWeight);
        run.Set(node.Outputs[2], gradBias);
    }

    // The positions and channels of each group's elements.
    private sealed class Layout(Shape shape, int axis, int groups)
    {
        private readonly int _channels = (int)shape[axis];
        private readonly int _inner = (int)shape.From(axis + 1).Count;

        public int Count { get; } = (int)shape.Until(axis).Count * groups;

        public (int Index, int Channel)[] Elements(int group)
        {
            var width = _channels / groups;
            var (sample, first) = (group / groups, group % groups * width);
            return
            [
                .. Enumerable.Range(first, width).SelectMany(
                    channel => Enumerable.Range(0, _inner).Select(i => ((sample * _channels + channel) * _inner + i, channel))),
            ];
        }
    }
}
