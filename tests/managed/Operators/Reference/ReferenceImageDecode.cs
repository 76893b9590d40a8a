using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

/// <summary>In float32, as the operator is defined: every device gives these bits.</summary>
internal static class ReferenceImageDecode
{
    public static void Run(Interpreter run, ImageDecodeNode node)
    {
        var images = run[node.Inputs[0]!];
        var (input, output) = (node.Inputs[0]!.Shape, node.Outputs[0].Shape);
        var window = node.Window;
        var (tops, lefts) = (input[2] + 2 * window.Padding - output[2] + 1, input[3] + 2 * window.Padding - output[3] + 1);
        var state = run.Input(node, 1);
        var y = new double[output.Count];
        foreach (var index in Indexing.All(output))
        {
            var (top, left, flip) = ((tops - 1) / 2, (lefts - 1) / 2, false);
            if (state is not null)
            {
                var words = Words(state, node.Stream, index[0]);
                top = (long)((ulong)words.NextUInt32() * (ulong)tops >> 32);
                left = (long)((ulong)words.NextUInt32() * (ulong)lefts >> 32);
                flip = (words.NextUInt32() >> 8) * Math.ScaleB(1.0, -24) < window.FlipProbability;
            }

            var row = top + index[2] - window.Padding;
            var column = left + (flip ? output[3] - 1 - index[3] : index[3]) - window.Padding;
            if (window.Reflect) (row, column) = (Mirror(row, input[2]), Mirror(column, input[3]));
            var inside = row >= 0 && row < input[2] && column >= 0 && column < input[3];
            var pixel = inside ? images[Indexing.Flat(input, [index[0], index[1], row, column])] : 0;
            var channel = (int)index[1];
            var value = ((float)pixel - node.Mean[channel]) * node.Scale[channel];
            y[Indexing.Flat(output, index)] = ReferencePointwise.Round(value, node.Outputs[0].DType);
        }

        run.Set(node.Outputs[0], y);
        if (state is not null) run.Overwrite(node, 1, [state[0], state[1] + 1]);
    }

    // From the block whose number is the sample's.
    private static Philox Words(double[] state, int stream, long sample) =>
        new((ulong)(long)state[0], (uint)stream, (uint)state[1]) { Position = 4 * (ulong)sample };

    private static long Mirror(long place, long extent) => place < 0 ? -place : place >= extent ? 2 * (extent - 1) - place : place;
}
