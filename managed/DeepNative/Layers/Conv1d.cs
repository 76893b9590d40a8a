namespace DeepNative.Layers;

/// <summary>
/// A one-dimensional convolution (cross-correlation, as everywhere in deep learning):
/// output[n,k,p] = bias[k] + sum over c, r of input[n, c, p*stride - padding + r*dilation] * weight[k,c,r].
/// Input (N, C, H), output (N, K, P) with
/// P = (H + padding - dilation * (R - 1) - 1) / stride + 1, rounded down.
/// </summary>
/// <remarks>
/// Parameters: "weight" (K, C/groups, R) and "bias" (K), first values uniform in
/// +-1/sqrt(fan_in), fan_in = C/groups * R, unless said otherwise.
/// </remarks>
public sealed class Conv1d : ConvLayer
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
    public Conv1d(
        int inputChannels, int outputChannels, int kernel, int? stride = null, Padding? padding = null,
        int? dilation = null, int groups = 1, bool bias = true, Initializer? weightInitializer = null,
        Initializer? biasInitializer = null)
        : base(new ConvArguments(1, inputChannels, outputChannels, kernel, stride, padding, dilation, groups, bias, weightInitializer, biasInitializer))
    {
    }
}
