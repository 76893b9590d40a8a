using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A fully connected layer: output = input * weight^T + bias. Input (..., inputs), output (..., outputs).
/// </summary>
/// <remarks>
/// Parameters: "weight" (outputs, inputs) and "bias" (outputs), first values uniform in
/// +-1/sqrt(inputs) unless said otherwise.
/// </remarks>
public sealed class Linear : Layer
{
    private readonly Parameter _weight;
    private readonly Parameter? _bias;

    /// <summary>Creates the layer.</summary>
    /// <param name="inputs">Size of the input's last axis, at least 1.</param>
    /// <param name="outputs">Size of the output's last axis, at least 1.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="weightInitializer">First values of the weight; null: <see cref="Initializer.FanInUniform"/>.</param>
    /// <param name="biasInitializer">First values of the bias; null: uniform in +-1/sqrt(inputs).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public Linear(
        int inputs, int outputs, bool bias = true, Initializer? weightInitializer = null,
        Initializer? biasInitializer = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1);
        Inputs = inputs;
        Outputs = outputs;
        _weight = AddParameter("weight", new Shape(outputs, inputs), weightInitializer ?? Initializer.FanInUniform);
        if (bias) _bias = AddParameter("bias", new Shape(outputs), biasInitializer ?? Initializer.UniformForFanIn(inputs));
    }

    /// <summary>Size of the input's last axis.</summary>
    public int Inputs { get; }

    /// <summary>Size of the output's last axis.</summary>
    public int Outputs { get; }

    /// <inheritdoc/>
    protected internal override long MultiplyAdds(Shape input, Shape output) => output.Count * Inputs;

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (shape.Rank < 2 || shape[shape.Rank - 1] != Inputs) throw Mismatch(shape, $"(N, {Inputs})");
        var graph = input.Graph;
        return MatMul.Multiply(
            input, graph.Parameter(_weight), transposeB: true, bias: _bias is null ? null : graph.Parameter(_bias));
    }

    /// <inheritdoc/>
    private protected override Value Slide(Value input, SlidingWindows windows)
    {
        var window = windows.JoinedBy(this);
        var channels = Inputs / (window[0] * window[1]);
        if (input.Shape.Rank != 4 || input.Shape[1] != channels) throw Mismatch(input.Shape, $"(N, {channels}, H, W), as a layer that slides over a picture");
        var graph = input.Graph;
        var weight = Reshape.To(graph.Parameter(_weight), [Outputs, channels, window[0], window[1]]);
        return Convolution.Apply(input, weight, _bias is null || windows.KeepsPlaces ? null : graph.Parameter(_bias));
    }
}
