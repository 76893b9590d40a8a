using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// Noh, Hong, Han: "Learning deconvolution network for semantic segmentation", 2015. VGG-D down to a vector a picture,
/// and its mirror image back up: max-unpooling to the places where the maxima stood, and transposed convolutions.
/// Batch normalisation behind every layer but the last. Input (N, C, H, W), output (N, classes, H, W) logits.
/// </summary>
/// <remarks>
/// 251,772,245 weights and biases of the layers at 224 x 224 with 21 classes, which the paper calls 252 million, without
/// those of the normalisation.
/// </remarks>
public static class DeconvNet
{
    /// <summary>Pictures of one object's surroundings in the paper: (3, 224, 224).</summary>
    /// <param name="input">(C, H, W), H and W multiples of 2^stages.</param>
    /// <param name="classes">Classes that a pixel may have, at least 1.</param>
    /// <param name="width">Channels of the first stage, at least 1; 64 in the paper.</param>
    /// <param name="stages">Poolings, 1 to 5; 5 in the paper.</param>
    /// <param name="unpool">
    /// Whether the decoder puts elements back where the maxima stood; else it repeats each one over the window, and
    /// convolutions follow.
    /// </param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentException">The extents are not such multiples.</exception>
    public static Sequential Create(Shape input, int classes, int width = 64, int stages = 5, bool unpool = true)
    {
        ModelChecks.Picture("DeconvNet", input);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(stages, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stages, 5);
        var multiple = 1 << stages;
        if (input[1] % multiple != 0 || input[2] % multiple != 0)
            throw new ArgumentException($"DeconvNet takes (C, H, W) with H and W multiples of {multiple}; the input is {input}.", nameof(input));

        ReadOnlySpan<int> depths = [2, 2, 3, 3, 3];
        var layers = new List<Layer>();
        var pools = new MaxPool2d[stages];
        var channels = (int)input[0];
        for (var stage = 0; stage < stages; stage++)
        {
            for (var i = 0; i < depths[stage]; i++) Convolve(Width(stage), kernel: 3, padding: 1);
            layers.Add(pools[stage] = new MaxPool2d(2));
        }

        // fc6 sees all that is left of the picture, and its mirror image gives it back.
        var (left, hidden) = (((int)input[1] / multiple, (int)input[2] / multiple), checked(64 * width));
        Convolve(hidden, left, padding: 0);
        Convolve(hidden, kernel: 1, padding: 0);
        Deconvolve(Width(stages - 1), left, padding: 0);
        for (var stage = stages - 1; stage >= 0; stage--)
        {
            layers.Add(unpool ? new MaxUnpool2d(pools[stage]) : new Upsample(2));
            for (var i = depths[stage] - 1; i >= 0; i--)
            {
                var outputs = i == 0 ? Width(stage - 1) : Width(stage);
                if (unpool) Deconvolve(outputs, kernel: 3, padding: 1);
                else Convolve(outputs, kernel: 3, padding: 1);
            }
        }

        layers.Add(new Conv2d(channels, classes, kernel: 1, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros));
        return new Sequential([.. layers]);

        int Width(int stage) => checked(width * Math.Min(1 << Math.Max(stage, 0), 8));

        void Convolve(int outputs, Operators.PerAxis kernel, Padding padding)
        {
            layers.Add(new Conv2d(channels, outputs, kernel, padding: padding, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros));
            Finish(outputs);
        }

        void Deconvolve(int outputs, Operators.PerAxis kernel, Padding padding)
        {
            layers.Add(new ConvTranspose2d(channels, outputs, kernel, padding: padding, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros));
            Finish(outputs);
        }

        void Finish(int outputs)
        {
            layers.Add(new BatchNorm(outputs));
            layers.Add(new ReLU());
            channels = outputs;
        }
    }
}
