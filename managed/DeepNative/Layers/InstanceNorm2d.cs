namespace DeepNative.Layers;

/// <summary>
/// Instance normalisation (Ulyanov, Vedaldi, Lempitsky: "Instance normalization", 2016):
/// output = (input - mean) / sqrt(var + epsilon), with mean and biased variance of each channel of each
/// sample, and with an affine map * weight + bias. Input and output (N, C, H, W). The same in training and
/// evaluation.
/// </summary>
/// <remarks>Parameters, both (C), where they were asked for: "weight" (1) and "bias" (0).</remarks>
public sealed class InstanceNorm2d : InstanceNormLayer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public InstanceNorm2d(int channels, float epsilon = 1e-5f, bool affine = false)
        : base("H, W", rank: 4, channels, epsilon, affine)
    {
    }
}
