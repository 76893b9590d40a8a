using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>What the nets for pictures share.</summary>
internal static class PictureNet
{
    /// <summary>The channels of pictures that a net can take.</summary>
    /// <param name="name">The net, for the error.</param>
    /// <param name="input">(C, H, W).</param>
    /// <param name="least">The smallest height and width.</param>
    public static int Channels(string name, Shape input, int least)
    {
        if (input.Rank != 3 || input[0] < 1 || input[1] < least || input[2] < least)
            throw new ArgumentException($"{name} takes pictures (channels, height, width) of {least} x {least} pixels and more; asked for {input}.", nameof(input));
        return checked((int)input[0]);
    }

    /// <summary>Convolution, batch normalisation and ReLU, named as in torchvision's BasicConv2d.</summary>
    public static Sequential ConvNormRelu(
        int inputs, int outputs, Operators.PerAxis kernel, Operators.PerAxis? stride = null, Padding? padding = null, float epsilon = 1e-5f) => new(
        [
            ("conv", new Conv2d(inputs, outputs, kernel, stride, padding, bias: false, weightInitializer: Initializer.HeNormal)),
            ("bn", new BatchNorm(outputs, epsilon)),
            ("relu", new ReLU()),
        ]);

    /// <summary>Convolution with a bias and ReLU, named alike.</summary>
    public static Sequential ConvRelu(
        int inputs, int outputs, Operators.PerAxis kernel, Operators.PerAxis? stride = null, Padding? padding = null) => new(
        [
            ("conv", new Conv2d(inputs, outputs, kernel, stride, padding, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros)),
            ("relu", new ReLU()),
        ]);

    /// <summary>The last layer: small weights, so that training begins near equal probabilities.</summary>
    public static Linear Classifier(int inputs, int classes) =>
        new(inputs, classes, weightInitializer: Initializer.Normal(0f, 0.01f), biasInitializer: Initializer.Zeros);
}

/// <summary>Channels of a net made thinner or wider.</summary>
/// <param name="Factor">1: as published.</param>
internal readonly record struct Width(double Factor)
{
    /// <summary>The channels for a published number: even, so that two groups divide them, and 2 at least.</summary>
    public int Of(int channels) => Factor == 1 ? channels : Math.Max(2, 2 * (int)Math.Round(channels * Factor / 2));

    public static Width Checked(double factor)
    {
        if (!(factor > 0) || !double.IsFinite(factor)) throw new ArgumentOutOfRangeException(nameof(factor), factor, "the width is above 0.");
        return new Width(factor);
    }
}
