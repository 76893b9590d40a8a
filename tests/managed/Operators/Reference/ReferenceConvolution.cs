using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

/// <summary>
/// All three directions are sums over the same triples (input element, weight element, output element),
/// which <see cref="Visit"/> lists.
/// </summary>
internal static class ReferenceConvolution
{
    public static void Run(Interpreter run, ConvolutionNode node)
    {
        var (x, weight) = (node.Inputs[0]!, node.Inputs[1]!);
        var y = node.Outputs[0];
        var (xs, ws, bias) = (run[x], run[weight], run.Input(node, 2));
        var result = new double[y.Shape.Count];
        if (bias is not null)
        {
            var position = 0;
            foreach (var index in Indexing.All(y.Shape)) result[position++] = bias[index[1]];
        }

        Visit(node.Window, x.Shape, weight.Shape, y.Shape, (i, w, o) => result[o] += xs[i] * ws[w]);
        run.Set(y, ReferencePointwise.Epilogue(run, node, node.Epilogue, 3, result));
    }

    public static void Run(Interpreter run, ConvolutionDataNode node)
    {
        var (y, weight) = (node.Inputs[0]!, node.Inputs[1]!);
        var x = node.Outputs[0];
        var (ys, ws) = (run[y], run[weight]);
        var result = new double[x.Shape.Count];
        Visit(node.Window, x.Shape, weight.Shape, y.Shape, (i, w, o) => result[i] += ys[o] * ws[w]);
        run.Set(x, result);
    }

    public static void Run(Interpreter run, ConvolutionWeightNode node)
    {
        var (x, y) = (node.Inputs[0]!, node.Inputs[1]!);
        var weight = node.Outputs[0];
        var (xs, ys) = (run[x], run[y]);
        var result = new double[weight.Shape.Count];
        Visit(node.Window, x.Shape, weight.Shape, y.Shape, (i, w, o) => result[w] += xs[i] * ys[o]);
        run.Set(weight, result);
        if (node.Outputs.Count == 1) return;
        var bias = new double[weight.Shape[0]];
        var position = 0;
        foreach (var index in Indexing.All(y.Shape)) bias[index[1]] += ys[position++];
        run.Set(node.Outputs[1], bias);
    }

    private static void Visit(ConvWindow window, Shape x, Shape weight, Shape y, Action<long, long, long> visit)
    {
        var channelsPerGroup = y[1] / window.Groups;
        var input = new long[x.Rank];
        var position = 0L;
        foreach (var output in Indexing.All(y))
        {
            input[0] = output[0];
            var group = output[1] / channelsPerGroup;
            var weightPosition = output[1] * weight.From(1).Count;
            foreach (var tap in Indexing.All(weight.From(1)))
            {
                input[1] = group * weight[1] + tap[0];
                var inside = true;
                for (var axis = 0; axis < window.SpatialRank; axis++)
                {
                    input[axis + 2] = output[axis + 2] * window.Stride[axis] - window.PaddingBegin[axis] + tap[axis + 1] * window.Dilation[axis];
                    inside &= input[axis + 2] >= 0 && input[axis + 2] < x[axis + 2];
                }

                if (inside) visit(Indexing.Flat(x, input), weightPosition, position);
                weightPosition++;
            }

            position++;
        }
    }
}
