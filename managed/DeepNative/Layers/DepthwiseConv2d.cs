using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A convolution of each channel by its own windows, as in MobileNet (Howard et al. 2017): a <see cref="Conv2d"/>
/// with as many groups as channels. Input (N, C, H, W), output (N, C * multiplier, P, Q).
/// </summary>
/// <remarks>Parameters: "weight" (C * multiplier, 1, R, S) and "bias" (C * multiplier).</remarks>
public sealed class DepthwiseConv2d : ConvLayer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="kernel">Size of the window, at least 1.</param>
    /// <param name="stride">Distance between windows, at least 1; null: 1.</param>
    /// <param name="padding">Zeros added around the input, at least 0, or <see cref="Padding.Same"/>; null: 0.</param>
    /// <param name="dilation">Distance between the window's taps, at least 1; null: 1.</param>
    /// <param name="multiplier">Output channels of each input channel, at least 1.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="weightInitializer">First values of the weight; null: <see cref="Initializer.FanInUniform"/>.</param>
    /// <param name="biasInitializer">First values of the bias; null: uniform in +-1/sqrt(R * S).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    public DepthwiseConv2d(
        int channels, PerAxis kernel, PerAxis? stride = null, Padding? padding = null, PerAxis? dilation = null,
        int multiplier = 1, bool bias = true, Initializer? weightInitializer = null, Initializer? biasInitializer = null)
        : base(new ConvArguments(2, channels, checked(channels * multiplier), kernel, stride, padding, dilation, channels, bias, weightInitializer, biasInitializer))
    {
    }
}
