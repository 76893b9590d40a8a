namespace DeepNative.Layers;

/// <summary>
/// In training graphs every channel of every sample becomes 0 with probability p and is divided by 1 - p otherwise;
/// in evaluation graphs output = input (Tompson et al.: "Efficient object localization using convolutional
/// networks", 2015). Input (N, C, spatial...) with one axis or more.
/// </summary>
/// <remarks>Random state: "random_state" {seed, offset}, as in <see cref="Dropout"/>.</remarks>
public sealed class Dropout2d : Layer
{
    private readonly float _probability;
    private readonly Parameter _state;

    /// <summary>Creates the layer.</summary>
    /// <param name="probability">p, at least 0 and below 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The probability is outside its range.</exception>
    public Dropout2d(float probability = 0.5f)
    {
        _probability = Dropout.Checked(probability);
        _state = AddRandomState("random_state");
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (shape.Rank < 3) throw Mismatch(shape, "(N, C, spatial...)");
        for (var axis = 2; axis < shape.Rank; axis++) shape = shape.With(axis, 1);
        return Dropout.Drop(input, _state, shape, _probability);
    }
}
