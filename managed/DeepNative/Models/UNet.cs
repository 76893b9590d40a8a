using System.Globalization;
using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Models;

/// <summary>
/// Ronneberger, Fischer, Brox: "U-Net: Convolutional networks for biomedical image segmentation", 2015. Two 3x3
/// convolutions a level and 2x2 max-pooling on the way down, with the channels doubled; a 2x2 up-convolution on the way
/// up, joined with what the level had on the way down, and two convolutions; a 1x1 convolution to the classes. Input
/// (N, C, H, W), output (N, classes, P, Q) logits of every pixel.
/// </summary>
/// <remarks>
/// With the paper's unpadded convolutions the output is the input's middle, 572 becomes 388, and the copies are
/// cropped; with padding it has the input's size. The children: "down1" ... "downL", "bottom", "up_convL", "upL" ...
/// "up1", "output".
/// </remarks>
public sealed class UNet : Layer
{
    private readonly int _levels;
    private readonly Layer[] _down;
    private readonly Layer _bottom;
    private readonly Layer[] _upConvolutions;
    private readonly Layer[] _up;
    private readonly Layer _output;
    private readonly MaxPool2d _pool;

    /// <summary>Creates the net.</summary>
    /// <param name="inputChannels">C, at least 1.</param>
    /// <param name="classes">Classes that a pixel may have, at least 1.</param>
    /// <param name="width">Channels of the first level, at least 1; 64 in the paper.</param>
    /// <param name="padding">
    /// Zeros around each 3x3 convolution: 0 as in the paper, or 1, which keeps the size; the extents must then be
    /// multiples of 2^levels.
    /// </param>
    /// <param name="levels">Poolings, 1 to 8; 4 in the paper.</param>
    /// <param name="dropout">At the end of the way down, behind the last two levels' convolutions; 0: none.</param>
    /// <param name="batchNorm">Whether each 3x3 convolution is normalised over the batch, which the paper did not yet do.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public UNet(int inputChannels, int classes, int width = 64, int padding = 0, int levels = 4, float dropout = 0.5f, bool batchNorm = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(padding, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(levels, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(levels, 8);
        _levels = levels;
        _down = new Layer[levels];
        _up = new Layer[levels];
        _upConvolutions = new Layer[levels];
        var channels = inputChannels;
        for (var level = 0; level < levels; level++)
        {
            var outputs = checked(width << level);
            _down[level] = AddChild(Numbered("down", level), Pair(channels, outputs, level == levels - 1 ? dropout : 0f));
            channels = outputs;
        }

        _pool = AddChild("pool", new MaxPool2d(2));
        _bottom = AddChild("bottom", Pair(channels, 2 * channels, dropout));
        for (var level = levels - 1; level >= 0; level--)
        {
            var outputs = width << level;
            _upConvolutions[level] = AddChild(
                Numbered("up_conv", level), new ConvTranspose2d(2 * outputs, outputs, kernel: 2, stride: 2, weightInitializer: Initializer.HeNormal));
            _up[level] = AddChild(Numbered("up", level), Pair(2 * outputs, outputs, 0f));
        }

        _output = AddChild("output", new Conv2d(width, classes, kernel: 1, weightInitializer: Initializer.HeNormal));

        Sequential Pair(int from, int to, float probability)
        {
            var layers = new List<Layer>();
            for (var i = 0; i < 2; i++)
            {
                layers.Add(new Conv2d(
                    i == 0 ? from : to, to, kernel: 3, padding: padding, bias: !batchNorm, weightInitializer: Initializer.HeNormal,
                    biasInitializer: Initializer.Zeros));
                if (batchNorm) layers.Add(new Layers.BatchNorm(to));
                layers.Add(new ReLU());
            }

            if (probability > 0f) layers.Add(new Dropout(probability));
            return new Sequential([.. layers]);
        }
    }

    /// <summary>The paper's net, of unpadded convolutions: (N, C, 572, 572) becomes (N, classes, 388, 388).</summary>
    /// <param name="input">(C, H, W); H and W at least 188 and 12 beyond a multiple of 16, or else a pooling would drop a row.</param>
    /// <param name="classes">Classes that a pixel may have, at least 1.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentException">The net does not take pictures of this size.</exception>
    public static UNet Create(Shape input, int classes)
    {
        Check(input, padded: false, levels: 4);
        return new UNet((int)input[0], classes);
    }

    /// <summary>The same net with padded convolutions, for pictures whose extents are multiples of 16.</summary>
    /// <param name="input">(C, H, W).</param>
    /// <param name="classes">Classes that a pixel may have, at least 1.</param>
    /// <param name="width">Channels of the first level.</param>
    /// <returns>The model: output (N, classes, H, W) logits.</returns>
    /// <exception cref="ArgumentException">The net does not take pictures of this size.</exception>
    public static UNet CreatePadded(Shape input, int classes, int width = 64)
    {
        Check(input, padded: true, levels: 4);
        return new UNet((int)input[0], classes, width, padding: 1);
    }

    /// <summary>A quarter of the width, padded, with batch normalisation and no dropout: trains on a CPU.</summary>
    /// <param name="input">(C, H, W), H and W multiples of 16.</param>
    /// <param name="classes">Classes that a pixel may have, at least 1.</param>
    /// <returns>The model: output (N, classes, H, W) logits.</returns>
    /// <exception cref="ArgumentException">The net does not take pictures of this size.</exception>
    public static UNet CreateSmall(Shape input, int classes)
    {
        Check(input, padded: true, levels: 4);
        return new UNet((int)input[0], classes, width: 16, padding: 1, dropout: 0f, batchNorm: true);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        var value = input;
        var copies = new Value[_levels];
        for (var level = 0; level < _levels; level++)
        {
            copies[level] = _down[level].Forward(value);
            var shape = copies[level].Shape;
            if (shape[2] % 2 != 0 || shape[3] % 2 != 0)
                throw Mismatch(input.Shape, $"extents that halve {_levels} times; level {level + 1} gives {shape}");
            value = _pool.Forward(copies[level]);
        }

        value = _bottom.Forward(value);
        for (var level = _levels - 1; level >= 0; level--)
        {
            value = _upConvolutions[level].Forward(value);
            value = _up[level].Forward(Concat.Along(1, CenterCrop(copies[level], value.Shape), value));
        }

        return _output.Forward(value);
    }

    // The middle of the spatial axes, of another value's extents.
    internal static Value CenterCrop(Value x, Shape like)
    {
        for (var axis = 2; axis < x.Shape.Rank; axis++)
        {
            var excess = x.Shape[axis] - like[axis];
            if (excess > 0) x = Slice.Narrow(x, axis, excess / 2, like[axis]);
        }

        return x;
    }

    private static void Check(Shape input, bool padded, int levels)
    {
        ModelChecks.Picture("U-Net", input);
        var multiple = 1 << levels;
        foreach (var extent in input.From(1))
        {
            if (padded && (extent < multiple || extent % multiple != 0))
                throw new ArgumentException($"U-Net takes (C, H, W) with H and W multiples of {multiple}; the input is {input}.", nameof(input));
            if (!padded && (extent < 188 || extent % 16 != 12))
                throw new ArgumentException(
                    $"U-Net without padding takes (C, H, W) with H and W 188, 204, ... 572, ..., 12 beyond a multiple of 16; the input is {input}.", nameof(input));
        }
    }

    private static string Numbered(string name, int level) => name + (level + 1).ToString(CultureInfo.InvariantCulture);
}
