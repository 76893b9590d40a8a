using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A three-dimensional convolution (cross-correlation, as everywhere in deep learning):
/// <see cref="Conv2d"/> with one spatial axis more.
/// Input (N, C, D, H, W), output (N, K, O, P, Q) with
/// P = (H + padding - dilation * (R - 1) - 1) / stride + 1, rounded down.
/// </summary>
/// <remarks>
/// Parameters: "weight" (K, C/groups, T, R, S) and "bias" (K), first values uniform in
/// +-1/sqrt(fan_in), fan_in = C/groups * T * R * S, unless said otherwise.
/// </remarks>
public sealed class Conv3d : ConvLayer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="inputChannels">C, a multiple of <paramref name="groups"/>.</param>
    /// <param name="outputChannels">K, a multiple of <paramref name="groups"/>.</param>
    /// <param name="kernel">Size of the window, at least 1.</param>
    /// <param name="stride">Distance between windows, at least 1; null: 1.</param>
    /// <param name="padding">Zeros added around the input, at least 0, or <see cref="Padding.Same"/>; null: 0.</param>
    /// <param name="dilation">Distance between the window's taps, at least 1; null: 1.</param>
    /// <param name="groups">Independent groups of channels, at least 1.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="weightInitializer">First values of the weight; null: <see cref="Initializer.FanInUniform"/>.</param>
    /// <param name="biasInitializer">First values of the bias; null: uniform in +-1/sqrt(fan_in).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public Conv3d(
        int inputChannels, int outputChannels, PerAxis kernel, PerAxis? stride = null, Padding? padding = null,
        PerAxis? dilation = null, int groups = 1, bool bias = true, Initializer? weightInitializer = null,
        Initializer? biasInitializer = null)
        : base(new ConvArguments(3, inputChannels, outputChannels, kernel, stride, padding, dilation, groups, bias, weightInitializer, biasInitializer))
    {
    }
}
