using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A two-dimensional convolution (cross-correlation, as everywhere in deep learning):
/// output[n,k,p,q] = bias[k] + sum over c, r, s of input[n, c, p*stride - padding + r*dilation, ...] * weight[k,c,r,s].
/// Input (N, C, H, W), output (N, K, P, Q) with P = (H + 2*padding - dilation*(R - 1) - 1) / stride + 1.
/// </summary>
/// <remarks>
/// Parameters: "weight" (K, C/groups, R, S) and "bias" (K), first values uniform in
/// +-1/sqrt(C/groups * R * S) unless said otherwise.
/// </remarks>
public sealed class Conv2d : Layer
{
    private readonly ConvGeometry _geometry;
    private readonly Parameter _weight;
    private readonly Parameter? _bias;
    private readonly int _inputChannels;

    /// <summary>Creates the layer.</summary>
    /// <param name="inputChannels">C, a multiple of <paramref name="groups"/>.</param>
    /// <param name="outputChannels">K, a multiple of <paramref name="groups"/>.</param>
    /// <param name="kernel">Size of the window (R, S), at least 1.</param>
    /// <param name="stride">Distance between windows, at least 1; null: 1.</param>
    /// <param name="padding">Zeros added on either side, at least 0; null: 0.</param>
    /// <param name="dilation">Distance between the window's taps, at least 1; null: 1.</param>
    /// <param name="groups">Independent groups of channels, at least 1.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="weightInitializer">First values of the weight; null: <see cref="Initializer.FanInUniform"/>.</param>
    /// <param name="biasInitializer">First values of the bias; null: uniform in +-1/sqrt(fan_in).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public Conv2d(
        int inputChannels, int outputChannels, PerAxis kernel, PerAxis? stride = null, PerAxis? padding = null,
        PerAxis? dilation = null, int groups = 1, bool bias = true, Initializer? weightInitializer = null,
        Initializer? biasInitializer = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        if (inputChannels % groups != 0 || outputChannels % groups != 0)
            throw new ArgumentException($"{groups} groups do not divide {inputChannels} and {outputChannels} channels.", nameof(groups));
        SpatialChecks.AtLeast(kernel, 1, nameof(kernel));
        _inputChannels = inputChannels;
        _geometry = new ConvGeometry
        {
            Stride = SpatialChecks.AtLeast(stride ?? 1, 1, nameof(stride)),
            Padding = SpatialChecks.AtLeast(padding ?? 0, 0, nameof(padding)),
            Dilation = SpatialChecks.AtLeast(dilation ?? 1, 1, nameof(dilation)),
            Groups = groups,
        };
        var depth = inputChannels / groups;
        _weight = AddParameter(
            "weight", new Shape(outputChannels, depth, kernel[0], kernel[1]),
            (weightInitializer ?? Initializer.FanInUniform)
                .WithFans((double)depth * kernel[0] * kernel[1], (double)outputChannels / groups * kernel[0] * kernel[1]));
        if (bias)
            _bias = AddParameter(
                "bias", new Shape(outputChannels),
                biasInitializer ?? Initializer.UniformForFanIn((long)depth * kernel[0] * kernel[1]));
    }

    /// <inheritdoc/>
    protected internal override long MultiplyAdds(Shape input, Shape output) =>
        output.Count * (_weight.Shape.Count / _weight.Shape[0]);

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (shape.Rank != 4 || shape[1] != _inputChannels) throw Mismatch(shape, $"(N, {_inputChannels}, H, W)");
        var graph = input.Graph;
        return Convolution.Conv2d(
            input, graph.Parameter(_weight), _bias is null ? null : graph.Parameter(_bias), _geometry);
    }
}
