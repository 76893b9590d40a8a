using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// Classifiers that end with a global mean and one linear layer, made to be looked into by
/// <see cref="ClassActivationMap"/> (Zhou et al.: "Learning deep features for discriminative localization", 2016).
/// </summary>
public static class CamNet
{
    /// <summary>
    /// The paper's VGGnet-GAP: VGG-D without its last pooling and linear layers, a 3x3 convolution to 1024 channels,
    /// the global mean, one linear layer. "features" has VGG-D's names, so that its weights can be loaded.
    /// </summary>
    /// <param name="input">(C, H, W), H and W at least 16.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="width">Channels of the first stage; 64 in the paper.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Layer CreateVgg(Shape input, int classes, int width = 64)
    {
        Check("cam-vgg", input, least: 16);
        var features = new List<Layer>();
        var channels = (int)input[0];
        ReadOnlySpan<int> depths = [2, 2, 3, 3, 3];
        for (var stage = 0; stage < depths.Length; stage++)
        {
            if (stage > 0) features.Add(new MaxPool2d(2));
            for (var i = 0; i < depths[stage]; i++) Convolve(features, width * Math.Min(1 << stage, 8), normalised: false);
        }

        Convolve(features, 16 * width, normalised: false);
        return new CamHead(new Sequential([.. features]), channels, classes);

        void Convolve(List<Layer> layers, int outputs, bool normalised) => CamNet.Convolve(layers, ref channels, outputs, normalised);
    }

    /// <summary>A small one of the same kind, batch-normalised: four stages, three poolings, 8 x 8 maps of 64 x 64 pixels.</summary>
    /// <param name="input">(C, H, W), H and W at least 8.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Layer CreateSmall(Shape input, int classes)
    {
        Check("cam-small", input, least: 8);
        var features = new List<Layer>();
        var channels = (int)input[0];
        ReadOnlySpan<int> stages = [16, 32, 64, 64];
        for (var stage = 0; stage < stages.Length; stage++)
        {
            if (stage > 0) features.Add(new MaxPool2d(2));
            for (var i = 0; i < 2; i++) Convolve(features, ref channels, stages[stage], normalised: true);
        }

        return new CamHead(new Sequential([.. features]), channels, classes);
    }

    private static void Check(string name, Shape input, int least)
    {
        ModelChecks.Picture(name, input);
        if (input[1] < least || input[2] < least)
            throw new ArgumentException($"{name} takes pictures (C, H, W) of {least} x {least} pixels and more; the input is {input}.", nameof(input));
    }

    private static void Convolve(List<Layer> layers, ref int channels, int outputs, bool normalised)
    {
        layers.Add(new Conv2d(
            channels, outputs, kernel: 3, padding: 1, bias: !normalised, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros));
        if (normalised) layers.Add(new BatchNorm(outputs));
        layers.Add(new ReLU());
        channels = outputs;
    }

    // "features", then the mean, then "classifier".
    private sealed class CamHead : Layer
    {
        private readonly Layer _features;
        private readonly Sequential _classifier;

        public CamHead(Layer features, int channels, int classes)
        {
            _features = AddChild("features", features);
            _classifier = AddChild("classifier", new Sequential(
                new GlobalAvgPool(), new Flatten(), new Linear(channels, classes, biasInitializer: Initializer.Zeros)));
        }

        protected override Value Build(Value input) => _classifier.Forward(_features.Forward(input));
    }
}
