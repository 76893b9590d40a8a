namespace DeepNative.Layers;

/// <summary>
/// The transpose of <see cref="Conv1d"/> ("deconvolution"): each input element adds a weighted window to the
/// output (Zeiler et al.: "Deconvolutional networks", 2010). Input (N, C, P), output (N, K, H) with
/// H = (P - 1) * stride - padding + dilation * (R - 1) + 1 + outputPadding.
/// </summary>
/// <remarks>
/// Parameters: "weight" (C, K/groups, R), the shape that PyTorch has too, and "bias" (K); first values uniform in
/// +-1/sqrt(fan_in), fan_in = K/groups * R, unless said otherwise.
/// </remarks>
public sealed class ConvTranspose1d : ConvLayer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="inputChannels">C, a multiple of <paramref name="groups"/>.</param>
    /// <param name="outputChannels">K, a multiple of <paramref name="groups"/>.</param>
    /// <param name="kernel">Size of the window, at least 1.</param>
    /// <param name="stride">Distance between the windows in the output, at least 1; null: 1.</param>
    /// <param name="padding">Cut off the output's sides, at least 0: the padding of the transposed convolution; null: 0.</param>
    /// <param name="outputPadding">Makes the output longer at its end, below the stride; null: 0.</param>
    /// <param name="groups">Independent groups of channels, at least 1.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="dilation">Distance between the window's taps, at least 1; null: 1.</param>
    /// <param name="weightInitializer">First values of the weight; null: <see cref="Initializer.FanInUniform"/>.</param>
    /// <param name="biasInitializer">First values of the bias; null: uniform in +-1/sqrt(fan_in).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    /// <exception cref="ArgumentException">The groups do not divide the channels, or the padding is "same".</exception>
    public ConvTranspose1d(
        int inputChannels, int outputChannels, int kernel, int? stride = null, Padding? padding = null,
        int? outputPadding = null, int groups = 1, bool bias = true, int? dilation = null,
        Initializer? weightInitializer = null, Initializer? biasInitializer = null)
        : base(Transpose(
            new ConvArguments(1, inputChannels, outputChannels, kernel, stride, padding, dilation, groups, bias, weightInitializer, biasInitializer),
            outputPadding))
    {
    }
}
