namespace DeepNative.Layers;

/// <summary>
/// In training graphs a normal number of mean 0 is added to every element; in evaluation graphs output = input.
/// </summary>
/// <remarks>Random state: "random_state" {seed, offset}, as in <see cref="Dropout"/>.</remarks>
public sealed class GaussianNoise : Layer
{
    private readonly float _standardDeviation;
    private readonly Parameter _state;

    /// <summary>Creates the layer.</summary>
    /// <param name="standardDeviation">The numbers' standard deviation, at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The standard deviation is negative or not finite.</exception>
    public GaussianNoise(float standardDeviation = 0.1f)
    {
        if (!(standardDeviation >= 0f && float.IsFinite(standardDeviation)))
            throw new ArgumentOutOfRangeException(nameof(standardDeviation), standardDeviation, "must be at least 0 and finite");
        _standardDeviation = standardDeviation;
        _state = AddRandomState("random_state");
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (!input.Graph.Training || _standardDeviation == 0f) return input;
        return input + Operators.Random.Normal(input.Graph.Parameter(_state), input.Shape, 0f, _standardDeviation);
    }
}
