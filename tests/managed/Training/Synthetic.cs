using DeepNative.Data;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Data that a small net learns in a few steps.</summary>
internal static class Synthetic
{
    private static readonly string[] _names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    /// <summary>Noise with a bright block whose place tells the class.</summary>
    internal static ImageDataset Images(int count, ulong seed = 1, int classes = 10, int channels = 1, int size = 28)
    {
        var random = new Philox(seed);
        var images = new byte[count * channels * size * size];
        var labels = new int[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = (int)random.NextBelow((uint)classes);
            var image = images.AsSpan(i * channels * size * size, channels * size * size);
            for (var pixel = 0; pixel < image.Length; pixel++) image[pixel] = (byte)random.NextBelow(64);
            var block = size / 4;
            var (top, left) = (labels[i] / 4 * block, labels[i] % 4 * block);
            for (var y = top; y < top + block; y++)
                for (var x = left; x < left + block; x++)
                    image[y * size + x] += 160;
        }

        return new ImageDataset($"blocks {seed}", images, labels, _names.AsSpan(0, classes).ToArray(), channels, size, size);
    }

    /// <summary>The four cases of XOR, with -1 and 1 as bits.</summary>
    internal static TensorDataset Xor { get; } =
        new(new Shape(2), [-1, -1, -1, 1, 1, -1, 1, 1], [0, 1, 1, 0], "XOR");

    /// <summary>Points of y = 2 a - 3 b + 0.5.</summary>
    internal static TensorDataset Plane(int count, ulong seed = 1)
    {
        var inputs = new float[2 * count];
        new Philox(seed).FillUniform(inputs, -1f, 1f);
        var targets = new float[count];
        for (var i = 0; i < count; i++) targets[i] = 2f * inputs[2 * i] - 3f * inputs[2 * i + 1] + 0.5f;
        return new TensorDataset(new Shape(2), inputs, new Shape(1), targets, "plane");
    }
}
