using System.Globalization;
using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// Residual nets of 18 to 152 layers for ImageNet (He, Zhang, Ren, Sun: "Deep residual learning for image recognition",
/// 2016), with torchvision's parameter names: 11,689,512; 21,797,672; 25,557,032; 44,549,160; 60,192,808 parameters.
/// </summary>
public static class ResNet
{
    private const int Least = 32;

    /// <summary>Makes the layers: "conv1", "bn1", "layer1" to "layer4", "fc".</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 224, 224), at least 32 x 32 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="options">Which of them; null: 50 layers.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small, or there is no net of such a depth.</exception>
    public static Sequential Create(Shape input, int classes, ResNetOptions? options = null)
    {
        options ??= new ResNetOptions();
        var (bottleneck, depths) = options.Depth switch
        {
            18 => (false, new[] { 2, 2, 2, 2 }),
            34 => (false, [3, 4, 6, 3]),
            50 => (true, [3, 4, 6, 3]),
            101 => (true, [3, 4, 23, 3]),
            152 => (true, [3, 8, 36, 3]),
            var other => throw new ArgumentException($"there is no residual net of {other} layers; 18, 34, 50, 101 and 152 are known.", nameof(options)),
        };
        var stem = Width.Checked(options.Width).Of(64);
        var least = options.SmallPictures ? LeastOfSmall : Least;
        var channels = PictureNet.Channels($"resnet{options.Depth}", input, least);
        var layers = new List<(string, Layer)>();
        if (options.SmallPictures)
        {
            layers.Add(("conv1", ResidualBlock.Convolve(channels, stem, 3, 1)));
            layers.AddRange([("bn1", new BatchNorm(stem)), ("relu", new ReLU())]);
        }
        else
        {
            layers.Add(("conv1", ResidualBlock.Convolve(channels, stem, 7, 2)));
            layers.AddRange([("bn1", new BatchNorm(stem)), ("relu", new ReLU()), ("maxpool", new MaxPool2d(3, stride: 2, padding: 1))]);
        }

        return Finish(layers, stem, stem, depths, bottleneck, classes, options);
    }

    /// <summary>
    /// The nets of the paper's section 4.2 for CIFAR-10, 6n + 2 layers deep and 16, 32 and 64 channels wide, with shortcuts
    /// of kind A: 20 layers have 269,722 parameters, 110 have 1,727,962.
    /// </summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 32, 32), at least 8 x 8 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="depth">6n + 2 with n of 1 and more.</param>
    /// <param name="shortcut">What passes beside two convolutions; none: the plain net.</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small, or there is no net of such a depth.</exception>
    public static Sequential CreateCifar(
        Shape input, int classes, int depth, ResidualShortcut shortcut = ResidualShortcut.PaddedIdentity, double width = 1)
    {
        if (depth < 8 || depth % 6 != 2) throw new ArgumentException($"a residual net for CIFAR has 6n + 2 layers, not {depth}.", nameof(depth));
        var channels = PictureNet.Channels($"resnet{depth}-cifar", input, LeastOfSmall);
        var stem = Width.Checked(width).Of(16);
        var blocks = (depth - 2) / 6;
        return Finish(
            [("conv1", ResidualBlock.Convolve(channels, stem, 3, 1)), ("bn1", new BatchNorm(stem)), ("relu", new ReLU())],
            stem, stem, [blocks, blocks, blocks], bottleneck: false, classes, new ResNetOptions { Shortcut = shortcut });
    }

    private const int LeastOfSmall = 8;

    private static Sequential Finish(
        List<(string, Layer)> layers, int channels, int first, int[] depths, bool bottleneck, int classes, ResNetOptions options)
    {
        for (var stage = 0; stage < depths.Length; stage++)
        {
            var blocks = new Layer[depths[stage]];
            for (var i = 0; i < blocks.Length; i++)
            {
                var block = new ResidualBlock(channels, first << stage, stage > 0 && i == 0 ? 2 : 1, bottleneck, options);
                channels = block.Channels;
                blocks[i] = block;
            }

            layers.Add((string.Create(CultureInfo.InvariantCulture, $"layer{stage + 1}"), new Sequential(blocks)));
        }

        layers.AddRange([("avgpool", new GlobalAvgPool()), ("flatten", new Flatten()), ("fc", new Linear(channels, classes))]);
        return new Sequential(layers);
    }
}
