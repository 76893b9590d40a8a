using System.Numerics;
using DeepNative.Data;
using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Turns images of bytes into a model's input in one pass: cut out, perhaps mirrored, turned, bent and recoloured,
/// normalised. The same numbers to the bit on every device.
/// </summary>
public static class ImageDecode
{
    internal const string Title = "ImageDecode";

    // The engine's limit: they lie in a CUDA block's shared memory.
    private const int MostNodes = 1024;

    // Of the window's longer side.
    private const float DefaultPitch = 0.25f;

    /// <summary>y = (byte - mean[channel]) * scale[channel] over a window of each image.</summary>
    /// <param name="images">(N, C, H, W), UInt8, of 1 to 4 channels.</param>
    /// <param name="mean">For each channel, in bytes: 0 to 255.</param>
    /// <param name="scale">For each channel.</param>
    /// <param name="augmentation">
    /// The window, and how samples vary; null: the images as they are. Its random resized crop and Mixup are not done here.
    /// </param>
    /// <param name="state">
    /// {seed, offset}: (2), Int64, a bound tensor, overwritten: each sample varies by its own random numbers. Null: the
    /// middle window, and nothing varies.
    /// </param>
    /// <param name="outputType">Float32, Float16 or BFloat16.</param>
    /// <returns>(N, C, window height, window width).</returns>
    /// <exception cref="ShapeException">
    /// The images are no bytes of that shape, the window does not fit them, colours need 3 channels, or the elastic grid is
    /// too fine.
    /// </exception>
    /// <exception cref="ArgumentException">Numbers outside their range, or randomness without a state.</exception>
    public static Value Apply(
        Value images, ReadOnlySpan<float> mean, ReadOnlySpan<float> scale, Augmentation? augmentation = null, Value? state = null,
        DType outputType = DType.Float32) =>
        Make(images, null, mean, scale, augmentation, state, ignoreIndex: 0, outputType).Outputs[0];

    /// <summary>Images with a class for each pixel: masks go through the same geometry, to the nearest pixel.</summary>
    /// <param name="images">(N, C, H, W), UInt8, of 1 to 4 channels.</param>
    /// <param name="masks">(N, H, W) or (N, 1, H, W), UInt8 or Int32.</param>
    /// <param name="mean">For each channel, in bytes: 0 to 255.</param>
    /// <param name="scale">For each channel.</param>
    /// <param name="augmentation">See <see cref="Apply"/>.</param>
    /// <param name="state">See <see cref="Apply"/>.</param>
    /// <param name="ignoreIndex">What lies outside the mask; with <see cref="Augmentation.Reflect"/> nothing does.</param>
    /// <param name="outputType">Of the images: Float32, Float16 or BFloat16.</param>
    /// <returns>(N, C, window height, window width), and (N, window height, window width), Int32.</returns>
    /// <exception cref="ShapeException">
    /// The images are no bytes of that shape, the masks are not of their extents, or see <see cref="Apply"/>.
    /// </exception>
    /// <exception cref="ArgumentException">Numbers outside their range, or randomness without a state.</exception>
    public static (Value Images, Value Masks) ApplyWithMasks(
        Value images, Value masks, ReadOnlySpan<float> mean, ReadOnlySpan<float> scale, Augmentation? augmentation = null,
        Value? state = null, int ignoreIndex = 255, DType outputType = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(masks);
        var node = Make(images, masks, mean, scale, augmentation, state, ignoreIndex, outputType);
        return (node.Outputs[0], node.Outputs[1]);
    }

    private static ImageDecodeNode Make(
        Value images, Value? masks, ReadOnlySpan<float> mean, ReadOnlySpan<float> scale, Augmentation? augmentation, Value? state,
        int ignoreIndex, DType outputType)
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

        var settings = CheckWindow(graph, shape, augmentation ?? Augmentation.None);
        CheckColors(graph, shape, settings);
        settings = CheckElastic(graph, settings);
        if (masks is not null) CheckMasks(graph, shape, masks);
        if (outputType is not (DType.Float32 or DType.Float16 or DType.BFloat16))
            throw new ArgumentException($"images become Float32, Float16 or BFloat16, not {outputType}.", nameof(outputType));
        if (state is not null)
        {
            graph.CheckDType(Title, "state", state, DType.Int64);
            graph.CheckShape(Title, "state", state, new Shape(2L));
            BoundNode.Require(state, nameof(state));
        }
        else if (settings.Samples || settings.Colors || settings.Flip > 0f || settings.VerticalFlip > 0f || settings.Cutout > 0)
        {
            throw new ArgumentException($"images vary at random ({settings}) only with a random state.", nameof(state));
        }

        var stream = state is null ? 0 : graph.NextRandomStream();
        return graph.Add(new ImageDecodeNode(
            images, state, masks, settings, PerChannel(mean, shape, nameof(mean)), PerChannel(scale, shape, nameof(scale)), stream,
            ignoreIndex, outputType));
    }

    // With the extents that it leaves to the image.
    private static Augmentation CheckWindow(Graph graph, Shape images, Augmentation window)
    {
        var (height, width) = (Extent(window.WindowHeight, images[2]), Extent(window.WindowWidth, images[3]));
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

        return window with { WindowHeight = height, WindowWidth = width };

        static int Extent(int asked, long image) => asked > 0 ? asked : checked((int)image);
    }

    private static void CheckColors(Graph graph, Shape images, Augmentation settings)
    {
        if (images[1] != 3 && (settings.Saturation > 0f || settings.Hue > 0f || settings.Lighting > 0f))
        {
            throw graph.Mismatch(
                Title, "3 channels", $"{images[1]} channels", $"saturation, hue and lighting need 3 channels, images have {images[1]} ({settings})");
        }
    }

    private static Augmentation CheckElastic(Graph graph, Augmentation settings)
    {
        if (!(settings.Elastic > 0f)) return settings;
        var (height, width) = (settings.WindowHeight, settings.WindowWidth);
        var pitch = settings.ElasticPitch > 0f ? settings.ElasticPitch : DefaultPitch * Math.Max(height, width);
        if (Nodes(height, pitch) * Nodes(width, pitch) > MostNodes)
        {
            throw graph.Mismatch(
                Title, $"at most {MostNodes} nodes", $"a pitch of {pitch}",
                $"an elastic pitch of {pitch} makes more than {MostNodes} nodes over a window of {height} x {width}; take a larger one");
        }

        return settings with { ElasticPitch = pitch };

        static double Nodes(int extent, float pitch) => Math.Floor((extent - 1) / pitch) + 4;
    }

    private static void CheckMasks(Graph graph, Shape images, Value masks)
    {
        if (masks.DType is not (DType.UInt8 or DType.Int32))
            throw graph.Mismatch(Title, "UInt8 or Int32", masks.DType.ToString(), $"masks is {masks.DType}, expected UInt8 or Int32");
        var expected = new Shape(images[0], images[2], images[3]);
        if (masks.Shape != expected && masks.Shape != images.With(1, 1))
            throw graph.Mismatch(Title, expected.ToString(), masks.Shape.ToString(), $"masks is {masks.Shape}, expected {expected} for images {images}");
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

/// <summary>Inputs images, [state], [masks]; outputs y, with masks their windows.</summary>
internal sealed class ImageDecodeNode : Node
{
    private static readonly int[] _updated = [1];

    public ImageDecodeNode(
        Value images, Value? state, Value? masks, Augmentation settings, Vector4 mean, Vector4 scale, int stream, int ignoreIndex, DType outputType)
        : base(images.Graph, masks is not null ? [images, state, masks] : state is not null ? [images, state] : [images])
    {
        Settings = settings;
        Mean = mean;
        Scale = scale;
        Stream = stream;
        IgnoreIndex = ignoreIndex;
        AddOutput(outputType, images.Shape.With(2, settings.WindowHeight).With(3, settings.WindowWidth));
        if (masks is not null) AddOutput(DType.Int32, new Shape(images.Shape[0], settings.WindowHeight, settings.WindowWidth));
    }

    /// <summary>With the window's extents and the elastic pitch.</summary>
    public Augmentation Settings { get; }

    /// <summary>Of the channels, in order.</summary>
    public Vector4 Mean { get; }

    /// <summary>Of the channels, in order.</summary>
    public Vector4 Scale { get; }

    /// <summary>Tells apart the random operators of a program.</summary>
    public int Stream { get; }

    public int IgnoreIndex { get; }

    public bool IsRandom => Inputs.Count > 1 && Inputs[1] is not null;

    public override string OperatorName => ImageDecode.Title;

    public override NodeData? Data => new(DataRule.Free, OperatorKind.ImageDecode, Inputs: 0);

    public override object? Attributes => (Settings, Mean, Scale, Stream, IgnoreIndex, Outputs[0].DType);

    public override ReadOnlySpan<int> UpdatedInputs => IsRandom ? _updated : [];

    // Bytes have no gradient.
    public override Value?[] Derivative(DerivativeContext context) => new Value?[Inputs.Count];

    public override void Emit(ProgramWriter writer)
    {
        var attributes = AttributesOf(Settings);
        attributes.Stream = Stream;
        attributes.IgnoreIndex = IgnoreIndex;
        for (var channel = 0; channel < Inputs[0]!.Shape[1]; channel++)
        {
            attributes.Mean[channel] = Mean[channel];
            attributes.Scale[channel] = Scale[channel];
        }

        writer.Add(this, OperatorKind.ImageDecode, attributes);
    }

    /// <summary>In the engine's units.</summary>
    public static ImageDecodeAttributes AttributesOf(Augmentation settings)
    {
        var attributes = new ImageDecodeAttributes
        {
            Padding = settings.Padding,
            PaddingMode = settings.Reflect ? PaddingMode.Reflect : PaddingMode.Zero,
            FlipProbability = settings.Flip,
            VerticalFlipProbability = settings.VerticalFlip,
            Shift = settings.Shift,
            Rotation = settings.Rotation / 360f,
            LogZoom = MathF.Log(1f + settings.Scale),
            Shear = settings.Shear / 360f,
            Elastic = settings.Elastic,
            ElasticPitch = settings.Elastic > 0f ? settings.ElasticPitch : 0f,
            Cutout = settings.Cutout,
            Brightness = settings.Brightness,
            Contrast = settings.Contrast,
            Saturation = settings.Saturation,
            Hue = settings.Hue,
        };
        if (settings.Lighting > 0f)
        {
            var components = settings.Components;
            for (var i = 0; i < components.Length; i++) attributes.Lighting[i] = 255f * settings.Lighting * components[i];
        }

        return attributes;
    }
}
