using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// output = input where it is above 0, weight * input elsewhere, with a trained slope for all channels or
/// for each (He, Zhang, Ren, Sun: "Delving deep into rectifiers", 2015). Input (N, C, ...).
/// </summary>
/// <remarks>Parameter: "weight" (channels), first the slope that the constructor was given.</remarks>
public sealed class PReLU : Layer
{
    private readonly int _channels;
    private readonly Parameter _weight;

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">1: one slope for all; else C, a slope for each channel.</param>
    /// <param name="slope">The first slope below 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">channels is below 1.</exception>
    public PReLU(int channels = 1, float slope = 0.25f)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        _channels = channels;
        _weight = AddParameter("weight", new Shape(channels), Initializer.Constant(slope));
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (_channels > 1 && (shape.Rank < 2 || shape[1] != _channels)) throw Mismatch(shape, $"(N, {_channels}, ...)");
        var slope = input.Graph.Parameter(_weight);
        for (var axis = 2; axis < shape.Rank; axis++) slope = Reshape.To(slope, slope.Shape.Concat([1]));
        return Activations.PRelu(input, slope);
    }
}
