namespace DeepNative.Layers;

/// <summary>
/// In training graphs every element is multiplied by a normal number of mean 1 and variance p / (1 - p); in
/// evaluation graphs output = input (Srivastava et al.: "Dropout", 2014, section 10).
/// </summary>
/// <remarks>Random state: "random_state" {seed, offset}, as in <see cref="Dropout"/>.</remarks>
public sealed class GaussianDropout : Layer
{
    private readonly float _standardDeviation;
    private readonly Parameter _state;

    /// <summary>Creates the layer.</summary>
    /// <param name="probability">p, at least 0 and below 1: the probability of the <see cref="Dropout"/> with this variance.</param>
    /// <exception cref="ArgumentOutOfRangeException">The probability is outside its range.</exception>
    public GaussianDropout(float probability = 0.5f)
    {
        var p = Dropout.Checked(probability);
        _standardDeviation = MathF.Sqrt(p / (1f - p));
        _state = AddRandomState("random_state");
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (!input.Graph.Training || _standardDeviation == 0f) return input;
        return input * Operators.Random.Normal(input.Graph.Parameter(_state), input.Shape, 1f, _standardDeviation);
    }
}
