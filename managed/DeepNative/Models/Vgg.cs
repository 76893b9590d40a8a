using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// The nets of 3 x 3 convolutions (Simonyan, Zisserman: "Very deep convolutional networks for large-scale image
/// recognition", 2015), configurations A to E of its table 1. Parameters are named as in torchvision's vgg11, 13, 16, 19.
/// </summary>
public static class Vgg
{
    private const int Least = 32;

    /// <summary>Makes the layers; "features.0", ..., "classifier.0", "classifier.3", "classifier.6".</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 224, 224), at least 32 x 32 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="configuration">The paper's column.</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small, or there is no such configuration.</exception>
    public static Sequential Create(Shape input, int classes, VggConfiguration configuration, double width = 1)
    {
        var channels = PictureNet.Channels("vgg", input, Least);
        var wide = Width.Checked(width);
        ReadOnlySpan<int> depths = configuration switch
        {
            VggConfiguration.A or VggConfiguration.ALrn => [1, 1, 2, 2, 2],
            VggConfiguration.B => [2, 2, 2, 2, 2],
            VggConfiguration.C or VggConfiguration.D => [2, 2, 3, 3, 3],
            VggConfiguration.E => [2, 2, 4, 4, 4],
            _ => throw new ArgumentOutOfRangeException(nameof(configuration), configuration, "is none of the paper's configurations"),
        };
        var features = new List<Layer>();
        for (var stage = 0; stage < depths.Length; stage++)
        {
            var outputs = wide.Of(Math.Min(64 << stage, 512));
            for (var i = 0; i < depths[stage]; i++)
            {
                // The third convolution of a stage of C is the 1 x 1 one.
                var kernel = configuration == VggConfiguration.C && i == 2 ? 1 : 3;
                features.Add(new Conv2d(
                    channels, outputs, kernel, padding: kernel / 2, weightInitializer: Initializer.VarianceScaling(Gain.Relu, FanMode.Out),
                    biasInitializer: Initializer.Zeros));
                features.Add(new ReLU());
                if (configuration == VggConfiguration.ALrn && stage == 0) features.Add(new LocalResponseNorm(5, alpha: 5e-4f, beta: 0.75f, k: 2f));
                channels = outputs;
            }

            features.Add(new MaxPool2d(2));
        }

        var hidden = wide.Of(4096);
        return new Sequential(
        [
            ("features", new Sequential([.. features])), ("avgpool", new AdaptiveAvgPool2d(7)), ("flatten", new Flatten()),
            ("classifier", new Sequential(
                Connect(channels * 49), new ReLU(), new Dropout(0.5f), Connect(hidden), new ReLU(), new Dropout(0.5f),
                PictureNet.Classifier(hidden, classes))),
        ]);

        Linear Connect(int inputs) => new(inputs, hidden, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros);
    }
}
