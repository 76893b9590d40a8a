namespace DeepNative.Layers;

/// <summary>
/// Instance normalisation (Ulyanov, Vedaldi, Lempitsky: "Instance normalization", 2016):
/// output = (input - mean) / sqrt(var + epsilon), with mean and biased variance of each channel of each
/// sample, and with an affine map * weight + bias. Input and output (N, C, L). The same in training and
/// evaluation.
/// </summary>
/// <remarks>Parameters, both (C), where they were asked for: "weight" (1) and "bias" (0).</remarks>
public sealed class InstanceNorm1d : Layer
{
    private readonly int _channels;
    private readonly float _epsilon;
    private readonly Parameter? _weight;
    private readonly Parameter? _bias;

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public InstanceNorm1d(int channels, float epsilon = 1e-5f, bool affine = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        _channels = channels;
        _epsilon = epsilon;
        if (!affine) return;
        _weight = AddParameter("weight", new Shape(channels), Initializer.Ones);
        _bias = AddParameter("bias", new Shape(channels), Initializer.Zeros);
    }

    /// <inheritdoc/>
    /// <remarks>A training graph refuses an input with a single position: all its outputs would be the bias.</remarks>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (shape.Rank != 3 || shape[1] != _channels) throw Mismatch(shape, $"(N, {_channels}, L)");
        var graph = input.Graph;
        if (graph.Training && shape.From(2).Count < 2) throw Mismatch(shape, $"(N, {_channels}, L) with two or more positions");
        return Operators.GroupNorm.Apply(
            input, _channels, _weight is null ? null : graph.Parameter(_weight), _bias is null ? null : graph.Parameter(_bias), _epsilon);
    }
}
