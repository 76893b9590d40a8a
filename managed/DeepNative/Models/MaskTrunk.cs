using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>A layer of a trunk.</summary>
/// <param name="Name">The child's name in the model.</param>
/// <param name="Layer">The layer.</param>
/// <param name="Channels">What it gives where a refinement sees it; else 0.</param>
internal readonly record struct MaskStage(string Name, Layer Layer, int Channels = 0);

/// <summary>The features that <see cref="DeepMask"/> and <see cref="SharpMask"/> share: each refined stage is half the one before.</summary>
internal static class MaskTrunk
{
    /// <summary>Halvings of <see cref="Residual"/>.</summary>
    public const int ResidualHalvings = 4;

    /// <summary>Halvings of <see cref="Small"/>.</summary>
    public const int SmallHalvings = 3;

    /// <summary>ResNet-50 without its last stage, named as in <see cref="ResNet"/>.</summary>
    public static MaskStage[] Residual(int channels, double width)
    {
        var stem = Width.Checked(width).Of(64);
        var options = new ResNetOptions();
        var inputs = stem;
        return
        [
            new("conv1", ResidualBlock.Convolve(channels, stem, 7, 2)), new("bn1", new BatchNorm(stem)), new("relu", new ReLU(), stem),
            new("maxpool", new MaxPool2d(3, stride: 2, padding: 1)), Blocks("layer1", 3, stem, 1), Blocks("layer2", 4, 2 * stem, 2), Blocks("layer3", 6, 4 * stem, 2),
        ];

        MaskStage Blocks(string name, int count, int thin, int stride)
        {
            var blocks = new Layer[count];
            for (var i = 0; i < count; i++)
            {
                var block = new ResidualBlock(inputs, thin, i == 0 ? stride : 1, bottleneck: true, options);
                inputs = block.Channels;
                blocks[i] = block;
            }

            return new(name, new Sequential(blocks), inputs);
        }
    }

    /// <summary>One 3x3 convolution at the picture's size, then three times a pooling and two convolutions, batch-normalised.</summary>
    public static MaskStage[] Small(int channels, int width)
    {
        var stages = new MaskStage[SmallHalvings + 1];
        stages[0] = new("stage1", new Sequential(Convolve(channels, width)));
        var inputs = width;
        for (var i = 1; i < stages.Length; i++)
        {
            var outputs = checked(width * Math.Min(1 << i, 4));
            stages[i] = new(
                FormattableString.Invariant($"stage{i + 1}"),
                new Sequential([new MaxPool2d(2), .. Convolve(inputs, outputs), .. Convolve(outputs, outputs)]), outputs);
            inputs = outputs;
        }

        return stages;

        static Layer[] Convolve(int from, int to) =>
            [new Conv2d(from, to, kernel: 3, padding: 1, bias: false, weightInitializer: Initializer.HeNormal), new BatchNorm(to), new ReLU()];
    }

    /// <summary>
    /// What sees the whole window: a 1x1 convolution, and two linear layers with nothing between, so that the large matrix
    /// from all features to all outputs has a low rank.
    /// </summary>
    /// <param name="channels">Of the trunk's last stage.</param>
    /// <param name="reduced">Behind the 1x1 convolution.</param>
    /// <param name="rows">Of the trunk's last stage.</param>
    /// <param name="columns">Of the trunk's last stage.</param>
    /// <param name="rank">Between the linear layers.</param>
    /// <param name="output">(C, H, W) of the head's output.</param>
    /// <param name="last">First weights of the last layer.</param>
    public static Sequential Head(int channels, int reduced, long rows, long columns, int rank, Shape output, Initializer last) => new(
        new Conv2d(channels, reduced, kernel: 1, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros), new ReLU(), new Flatten(),
        new Linear(checked((int)(reduced * rows * columns)), rank, weightInitializer: Initializer.LeCunNormal, biasInitializer: Initializer.Zeros),
        new Linear(rank, checked((int)output.Count), weightInitializer: last, biasInitializer: Initializer.Zeros),
        new Unflatten(1, output));

    /// <summary>Refuses windows that do not halve often enough.</summary>
    public static void Check(string model, Shape input, int halvings)
    {
        ModelChecks.Picture(model, input);
        var multiple = 1 << halvings;
        if (input[1] < multiple || input[2] < multiple || input[1] % multiple != 0 || input[2] % multiple != 0)
            throw new ArgumentException($"{model} takes windows (C, H, W) with H and W multiples of {multiple}; the input is {input}.", nameof(input));
    }
}
