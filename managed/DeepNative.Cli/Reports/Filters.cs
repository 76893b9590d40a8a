using System.Globalization;
using DeepNative.Cli.Images;
using DeepNative.Layers;
using DeepNative.Serialization;

namespace DeepNative.Cli.Reports;

/// <summary>The filters of a model's first layer as one picture, each from its smallest (black) to its largest (white) weight.</summary>
/// <param name="Tensor">The name of the weight.</param>
/// <param name="Description">What the picture shows: "32 filters of 5 x 5".</param>
/// <param name="Width">Columns of the picture.</param>
/// <param name="Height">Rows.</param>
/// <param name="Channels">1 or 3.</param>
/// <param name="Png">The picture.</param>
internal sealed record Filters(string Tensor, string Description, int Width, int Height, int Channels, byte[] Png)
{
    private const int MostFilters = 256;
    private const int LargestSide = 64;
    private const int WantedSide = 40;
    private const int Gap = 3;

    private static readonly string[] _otherParts = ["optimizer.", "random.", "average."];

    /// <summary>Reads them out of a file of weights.</summary>
    /// <param name="path">A safetensors file.</param>
    /// <returns>The picture; null where no weight sees the model's input as a picture with 1 or 3 channels.</returns>
    public static Filters? Read(string path)
    {
        using var file = SafeTensors.Open(path);
        var weights = file.Names
            .Where(name => file.Info(name).Type == SafeTensorType.F32 && !Array.Exists(_otherParts, part => name.StartsWith(part, StringComparison.Ordinal)))
            .Order(Comparer<string>.Create(Natural)).Select(name => (name, file.Info(name).Shape.ToArray()));
        return Find(weights, Extents(file.Metadata.GetValueOrDefault("input_shape", "")), name =>
        {
            var values = new float[file.Info(name).Numel];
            file.Read<float>(name, values);
            return values;
        });
    }

    /// <summary>Takes them from a model.</summary>
    /// <param name="model">The model; its tensors are there.</param>
    /// <param name="input">The shape of one input.</param>
    /// <returns>The picture; null where no weight sees the input as a picture with 1 or 3 channels.</returns>
    public static Filters? Of(Layer model, Shape input)
    {
        var weights = model.Parameters().Where(parameter => parameter.Trainable && parameter.DType == DType.Float32).ToArray();
        return Find(
            weights.Select(parameter => (parameter.Name, parameter.Shape.ToArray())), [.. input],
            name => Array.Find(weights, parameter => parameter.Name == name)!.Tensor!.ToArray<float>());
    }

    /// <summary>Draws filters side by side.</summary>
    /// <param name="weights">(count, channels, height, width), row-major.</param>
    /// <param name="count">Filters.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="height">Rows of one.</param>
    /// <param name="width">Columns of one.</param>
    /// <returns>The planes of the picture and its size; white between filters.</returns>
    public static (byte[] Planes, int Width, int Height) Grid(ReadOnlySpan<float> weights, int count, int channels, int height, int width)
    {
        var zoom = Math.Max(1, WantedSide / Math.Max(height, width));
        var columns = Math.Min(count, Math.Max(1, (int)Math.Ceiling(Math.Sqrt(count * 2.0))));
        var rows = (count + columns - 1) / columns;
        var (gridWidth, gridHeight) = (columns * (width * zoom + Gap) + Gap, rows * (height * zoom + Gap) + Gap);
        var planes = new byte[channels * gridWidth * gridHeight];
        planes.AsSpan().Fill(255);
        var length = channels * height * width;
        for (var i = 0; i < count; i++)
        {
            var filter = weights.Slice(i * length, length);
            var (low, high) = (float.PositiveInfinity, float.NegativeInfinity);
            foreach (var weight in filter) (low, high) = (Math.Min(low, weight), Math.Max(high, weight));
            var scale = high > low ? 255f / (high - low) : 0f;
            var (left, top) = (i % columns * (width * zoom + Gap) + Gap, i / columns * (height * zoom + Gap) + Gap);
            for (var channel = 0; channel < channels; channel++)
            {
                for (var y = 0; y < height * zoom; y++)
                {
                    for (var x = 0; x < width * zoom; x++)
                    {
                        var weight = filter[(channel * height + y / zoom) * width + x / zoom];
                        var gray = scale > 0f ? (weight - low) * scale : 128f;
                        planes[(channel * gridHeight + top + y) * gridWidth + left + x] = float.IsFinite(gray) ? (byte)Math.Round(gray) : (byte)0;
                    }
                }
            }
        }

        return (planes, gridWidth, gridHeight);
    }

    private static Filters? Find(IEnumerable<(string Name, long[] Shape)> weights, long[] input, Func<string, float[]> read)
    {
        var all = weights.ToArray();
        foreach (var (name, shape) in all)
            if (Convolution(shape, input) is { } filters) return Draw(name, filters, read(name));
        // A fully connected layer sees the whole picture.
        foreach (var (name, shape) in all)
            if (Linear(shape, input) is { } filters) return Draw(name, filters, read(name));
        return null;
    }

    private static Filters Draw(string name, (int Count, int Channels, int Height, int Width) shape, float[] weights)
    {
        var count = Math.Min(shape.Count, MostFilters);
        var (planes, width, height) = Grid(weights, count, shape.Channels, shape.Height, shape.Width);
        var description = string.Create(
            CultureInfo.InvariantCulture,
            $"{(count < shape.Count ? $"the first {count} of {shape.Count}" : shape.Count)} filters of {shape.Height} x {shape.Width}");
        return new Filters(name, description, width, height, shape.Channels, PngWriter.FromPlanes(width, height, shape.Channels, planes));
    }

    private static (int Count, int Channels, int Height, int Width)? Convolution(ReadOnlySpan<long> shape, long[] input)
    {
        if (shape.Length != 4 || shape[1] is not (1 or 3) || shape[2] * shape[3] < 4 || shape[2] > LargestSide || shape[3] > LargestSide) return null;
        if (input.Length == 3 && input[0] != shape[1]) return null;
        return ((int)shape[0], (int)shape[1], (int)shape[2], (int)shape[3]);
    }

    private static (int Count, int Channels, int Height, int Width)? Linear(ReadOnlySpan<long> shape, long[] input)
    {
        if (shape.Length != 2 || input.Length != 3 || input[0] is not (1 or 3) || input[1] > LargestSide || input[2] > LargestSide) return null;
        return shape[1] == input[0] * input[1] * input[2] ? ((int)shape[0], (int)input[0], (int)input[1], (int)input[2]) : null;
    }

    private static long[] Extents(string text) =>
        Array.ConvertAll(text.Split(',', StringSplitOptions.RemoveEmptyEntries), part => long.TryParse(part, CultureInfo.InvariantCulture, out var extent) ? extent : 0);

    // "2.weight" before "10.weight".
    private static int Natural(string? left, string? right)
    {
        var (a, b) = (left!.Split('.'), right!.Split('.'));
        for (var i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            var order = int.TryParse(a[i], out var x) && int.TryParse(b[i], out var y) ? x.CompareTo(y) : string.CompareOrdinal(a[i], b[i]);
            if (order != 0) return order;
        }

        return a.Length.CompareTo(b.Length);
    }
}
