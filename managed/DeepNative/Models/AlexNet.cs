using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// The net that won ImageNet 2012 (Krizhevsky, Sutskever, Hinton: "ImageNet classification with deep convolutional
/// neural networks"): five convolutions, local response normalisation, overlapping pooling, dropout. As one tower it
/// has 62,378,344 parameters at 227 x 227 pixels; in the two groups of the paper, 60,965,224.
/// </summary>
/// <remarks>
/// The paper's Gaussian weights of deviation 0.01 with biases of 1 are replaced by those of He et al. 2015, with which
/// it learns from the first epoch.
/// </remarks>
public static class AlexNet
{
    private const int Least = 67;

    /// <summary>Makes the layers; "features.0" to "features.14", "classifier.0" to "classifier.6".</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 227, 227), at least 67 x 67 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="grouped">Whether the second, fourth and fifth convolution are split as over the paper's two GPUs.</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential Create(Shape input, int classes, bool grouped = false, double width = 1)
    {
        // The paper weighs the sum of the squares with 1e-4, LocalResponseNorm their mean.
        static LocalResponseNorm Norm() => new(5, alpha: 5e-4f, beta: 0.75f, k: 2f);
        return Create("alexnet", input, classes, grouped, Width.Checked(width), Norm, normalise: null);
    }

    /// <summary>
    /// The batch-normalised one of Canziani, Culurciello, Paszke ("An analysis of deep neural network models for
    /// practical applications", 2016): batch normalisation (Ioffe, Szegedy 2015) behind every convolution and hidden
    /// layer, and neither local response normalisation nor dropout.
    /// </summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 227, 227), at least 67 x 67 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential CreateNormalised(Shape input, int classes, double width = 1) =>
        Create("bn-alexnet", input, classes, grouped: false, Width.Checked(width), response: null, channels => new BatchNorm(channels));

    private static Sequential Create(
        string name, Shape input, int classes, bool grouped, Width width, Func<Layer>? response, Func<int, Layer>? normalise)
    {
        var groups = grouped ? 2 : 1;
        var features = new List<Layer>();
        var channels = PictureNet.Channels(name, input, Least);
        Convolve(96, kernel: 11, stride: 4, padding: 0, groups: 1);
        if (response is not null) features.Add(response());
        features.Add(new MaxPool2d(3, stride: 2));
        Convolve(256, kernel: 5, stride: 1, padding: 2, groups);
        if (response is not null) features.Add(response());
        features.Add(new MaxPool2d(3, stride: 2));
        Convolve(384, kernel: 3, stride: 1, padding: 1, groups: 1);
        Convolve(384, kernel: 3, stride: 1, padding: 1, groups);
        Convolve(256, kernel: 3, stride: 1, padding: 1, groups);
        features.Add(new MaxPool2d(3, stride: 2));

        var hidden = width.Of(4096);
        var classifier = new List<Layer>();
        Connect(channels * 36);
        Connect(hidden);
        classifier.Add(PictureNet.Classifier(hidden, classes));
        return new Sequential(
        [
            ("features", new Sequential([.. features])), ("avgpool", new AdaptiveAvgPool2d(6)), ("flatten", new Flatten()),
            ("classifier", new Sequential([.. classifier])),
        ]);

        void Convolve(int outputs, int kernel, int stride, int padding, int groups)
        {
            outputs = width.Of(outputs);
            features.Add(new Conv2d(
                channels, outputs, kernel, stride, padding, groups: groups, bias: normalise is null, weightInitializer: Initializer.HeNormal,
                biasInitializer: Initializer.Zeros));
            if (normalise is not null) features.Add(normalise(outputs));
            features.Add(new ReLU());
            channels = outputs;
        }

        void Connect(int inputs)
        {
            if (normalise is null) classifier.Add(new Dropout(0.5f));
            classifier.Add(new Linear(
                inputs, hidden, bias: normalise is null, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros));
            if (normalise is not null) classifier.Add(normalise(hidden));
            classifier.Add(new ReLU());
        }
    }
}
