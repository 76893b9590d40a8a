using System.Numerics;
using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Turns images of bytes into a model's input in one pass: cut out, perhaps mirrored, normalised. The same
/// numbers to the bit on every device.
/// </summary>
public static class ImageDecode
{
    internal const string Title = "ImageDecode";

    /// <summary>y = (byte - mean[channel]) * scale[channel] over a window of each image.</summary>
    /// <param name="images">(N, C, H, W), UInt8, of 1 to 4 channels.</param>
    /// <param name="mean">For each channel, in bytes: 0 to 255.</param>
    /// <param name="scale">For each channel.</param>
    /// <param name="window">What to take of each image; null: all.</param>
    /// <param name="state">
    /// {seed, offset}: (2), Int64, a bound tensor, overwritten: each sample has a random place and is mirrored
    /// or not. Null: the middle, not mirrored.
    /// </param>
    /// <param name="outputType">Float32, Float16 or BFloat16.</param>
    /// <returns>(N, C, window height, window width).</returns>
    /// <exception cref="ShapeException">The images are no bytes of that shape, or the window does not fit them.</exception>
    /// <exception cref="ArgumentException">Numbers outside their range, or randomness without a state.</exception>
    public static Value Apply(
        Value images, ReadOnlySpan<float> mean, ReadOnlySpan<float> scale, ImageWindow? window = null, Value? state = null,
        DType outputType = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(images);
        var graph = images.Graph;
        graph.CheckDType(Title, "images", images, DType.UInt8);
        graph.CheckRank(Title, "images", images, 4);
        var shape = images.Shape;
        if (shape[1] is < 1 or > Constants.MaxImageChannels)
        {
            throw graph.Mismatch(
                Title, $"1 to {Constants.MaxImageChannels} channels", $"{shape[1]} channels",
                $"images are {shape}, expected (N, C, H, W) of 1 to {Constants.MaxImageChannels} channels");
        }

        window = CheckWindow(graph, shape, window ?? ImageWindow.Whole);
        if (outputType is not (DType.Float32 or DType.Float16 or DType.BFloat16))
            throw new ArgumentException($"images become Float32, Float16 or BFloat16, not {outputType}.", nameof(outputType));
        if (state is not null)
        {
            graph.CheckDType(Title, "state", state, DType.Int64);
            graph.CheckShape(Title, "state", state, new Shape(2L));
            BoundNode.Require(state, nameof(state));
        }
        else if (window.FlipProbability > 0f)
        {
            throw new ArgumentException("images are mirrored at random only with a random state.", nameof(state));
        }

        var stream = state is null ? 0 : graph.NextRandomStream();
        return graph.Add(new ImageDecodeNode(
            images, state, window, PerChannel(mean, shape, nameof(mean)), PerChannel(scale, shape, nameof(scale)), stream, outputType)).Outputs[0];
    }

    // With the extents that it leaves to the image.
    private static ImageWindow CheckWindow(Graph graph, Shape images, ImageWindow window)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(window.Height);
        ArgumentOutOfRangeException.ThrowIfNegative(window.Width);
        ArgumentOutOfRangeException.ThrowIfNegative(window.Padding);
        if (!(window.FlipProbability >= 0f && window.FlipProbability <= 1f))
            throw new ArgumentOutOfRangeException(nameof(window), window.FlipProbability, "a probability is from 0 to 1.");
        var (height, width) = (Extent(window.Height, images[2]), Extent(window.Width, images[3]));
        if (height > images[2] + 2L * window.Padding || width > images[3] + 2L * window.Padding)
        {
            throw graph.Mismatch(
                Title, $"{height} x {width} or more", $"{images[2]} x {images[3]}",
                $"a window of {height} x {width} does not fit into images {images} with padding {window.Padding}");
        }

        if (window.Reflect && window.Padding > 0 && window.Padding >= Math.Min(images[2], images[3]))
        {
            throw graph.Mismatch(
                Title, $"images larger than {window.Padding}", $"{images[2]} x {images[3]}",
                $"a padding of {window.Padding} cannot mirror images {images}");
        }

        return window with { Height = height, Width = width };

        static int Extent(int asked, long image) => asked > 0 ? asked : checked((int)image);
    }

    private static Vector4 PerChannel(ReadOnlySpan<float> values, Shape images, string name)
    {
        if (values.Length != images[1])
            throw new ArgumentException($"{name} has {values.Length} numbers for {images[1]} channels.", name);
        var result = Vector4.Zero;
        for (var channel = 0; channel < values.Length; channel++)
        {
            if (!float.IsFinite(values[channel])) throw new ArgumentException($"{name} of channel {channel} is {values[channel]}.", name);
            result[channel] = values[channel];
        }

        return result;
    }
}

/// <summary>Inputs images, [state]; output y.</summary>
internal sealed class ImageDecodeNode : Node
{
    private static readonly int[] _updated = [1];

    public ImageDecodeNode(Value images, Value? state, ImageWindow window, Vector4 mean, Vector4 scale, int stream, DType outputType)
        : base(images.Graph, state is null ? [images] : [images, state])
    {
        Window = window;
        Mean = mean;
        Scale = scale;
        Stream = stream;
        AddOutput(outputType, images.Shape.With(2, window.Height).With(3, window.Width));
    }

    public ImageWindow Window { get; }

    /// <summary>Of the channels, in order.</summary>
    public Vector4 Mean { get; }

    /// <summary>Of the channels, in order.</summary>
    public Vector4 Scale { get; }

    /// <summary>Tells apart the random operators of a program.</summary>
    public int Stream { get; }

    public bool IsRandom => Inputs.Count > 1;

    public override string OperatorName => ImageDecode.Title;

    public override object? Attributes => (Window, Mean, Scale, Stream);

    public override ReadOnlySpan<int> UpdatedInputs => IsRandom ? _updated : [];

    // Bytes have no gradient.
    public override Value?[] Derivative(DerivativeContext context) => [null, null];

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new ImageDecodeAttributes
        {
            Padding = Window.Padding,
            PaddingMode = Window.Reflect ? PaddingMode.Reflect : PaddingMode.Zero,
            FlipProbability = Window.FlipProbability,
            Stream = Stream,
        };
        for (var channel = 0; channel < Inputs[0]!.Shape[1]; channel++)
        {
            attributes.Mean[channel] = Mean[channel];
            attributes.Scale[channel] = Scale[channel];
        }

        writer.Add(this, OperatorKind.ImageDecode, attributes);
    }
}
