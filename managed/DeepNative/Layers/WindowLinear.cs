using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A <see cref="Linear"/> layer over joined maps as a convolution: input (N, C, H, W), output (N, K, P, Q). The
/// parameters have the linear layer's shapes, so that its weights can be loaded: "weight" (K, C * R * S), "bias" (K).
/// </summary>
internal sealed class WindowLinear : Layer
{
    private readonly int _channels;
    private readonly int _outputs;
    private readonly int _kernel;
    private readonly Parameter _weight;
    private readonly Parameter _bias;

    /// <summary>Creates the layer.</summary>
    public WindowLinear(int channels, int outputs, int kernel)
    {
        _channels = channels;
        _outputs = outputs;
        _kernel = kernel;
        _weight = AddParameter("weight", new Shape(outputs, channels * kernel * kernel), Initializer.HeNormal);
        _bias = AddParameter("bias", new Shape(outputs), Initializer.Zeros);
    }

    /// <inheritdoc/>
    protected internal override long MultiplyAdds(Shape input, Shape output) => output.Count * _weight.Shape[1];

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4 || input.Shape[1] != _channels) throw Mismatch(input.Shape, $"(N, {_channels}, H, W)");
        var weight = Reshape.To(input.Graph.Parameter(_weight), [_outputs, _channels, _kernel, _kernel]);
        return Convolution.Apply(input, weight, input.Graph.Parameter(_bias));
    }
}
