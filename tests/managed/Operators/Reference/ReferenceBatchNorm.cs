using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceBatchNorm
{
    public static void Run(Interpreter run, BatchNormTrainingNode node)
    {
        var x = node.Inputs[0]!;
        var channels = Channels(x.Shape);
        var (numbers, weight, bias) = (run[x], run[node.Inputs[1]!], run[node.Inputs[2]!]);
        var (runningMean, runningVariance) = ((double[])run[node.Inputs[3]!].Clone(), (double[])run[node.Inputs[4]!].Clone());
        var (mean, invStd) = (new double[channels.Length], new double[channels.Length]);
        var y = new double[numbers.Length];
        for (var c = 0; c < channels.Length; c++)
        {
            var elements = channels[c];
            mean[c] = elements.Sum(i => numbers[i]) / elements.Count;
            var variance = elements.Sum(i => Math.Pow(numbers[i] - mean[c], 2)) / elements.Count;
            invStd[c] = 1 / Math.Sqrt(variance + node.Epsilon);
            foreach (var i in elements) y[i] = (numbers[i] - mean[c]) * invStd[c] * weight[c] + bias[c];
            var unbiased = variance * elements.Count / (elements.Count - 1);
            runningMean[c] = (1 - (double)node.Momentum) * runningMean[c] + node.Momentum * mean[c];
            runningVariance[c] = (1 - (double)node.Momentum) * runningVariance[c] + node.Momentum * unbiased;
        }

        run.Set(node.Outputs[0], y);
        run.Set(node.Outputs[1], mean);
        run.Set(node.Outputs[2], invStd);
        run.Overwrite(node, 3, runningMean);
        run.Overwrite(node, 4, runningVariance);
    }

    public static void Run(Interpreter run, BatchNormInferenceNode node)
    {
        var x = node.Inputs[0]!;
        var channels = Channels(x.Shape);
        var numbers = run[x];
        var y = new double[numbers.Length];
        for (var c = 0; c < channels.Length; c++)
        {
            var invStd = 1 / Math.Sqrt(run[node.Inputs[4]!][c] + node.Epsilon);
            foreach (var i in channels[c])
                y[i] = (numbers[i] - run[node.Inputs[3]!][c]) * invStd * run[node.Inputs[1]!][c] + run[node.Inputs[2]!][c];
        }

        run.Set(node.Outputs[0], y);
    }

    public static void Run(Interpreter run, BatchNormBackwardNode node)
    {
        var x = node.Inputs[0]!;
        var channels = Channels(x.Shape);
        var (numbers, weight, mean, invStd) = (run[x], run[node.Inputs[1]!], run[node.Inputs[2]!], run[node.Inputs[3]!]);
        var gradOutput = run[node.Inputs[4]!];
        var gradInput = new double[numbers.Length];
        var (gradWeight, gradBias) = (new double[channels.Length], new double[channels.Length]);
        for (var c = 0; c < channels.Length; c++)
        {
            var elements = channels[c];
            gradWeight[c] = elements.Sum(i => gradOutput[i] * (numbers[i] - mean[c]) * invStd[c]);
            gradBias[c] = elements.Sum(i => gradOutput[i]);
            foreach (var i in elements)
            {
                var normal = (numbers[i] - mean[c]) * invStd[c];
                gradInput[i] = weight[c] * invStd[c] * (gradOutput[i] - gradBias[c] / elements.Count - normal * gradWeight[c] / elements.Count);
            }
        }

        run.Set(node.Outputs[0], gradInput);
        run.Set(node.Outputs[1], gradWeight);
        run.Set(node.Outputs[2], gradBias);
    }

    // The positions of each channel's elements.
    private static List<int>[] Channels(Shape shape)
    {
        var channels = new List<int>[shape[1]];
        for (var c = 0; c < channels.Length; c++) channels[c] = [];
        var position = 0;
        foreach (var index in Indexing.All(shape)) channels[index[1]].Add(position++);
        return channels;
    }
}
