namespace DeepNative.Layers;

/// <summary>
/// In training graphs every element becomes 0 with probability p and is divided by 1 - p otherwise; in
/// evaluation graphs output = input (Srivastava et al.: "Dropout", 2014).
/// </summary>
/// <remarks>
/// Random state: "random_state" {seed, offset}; the offset advances by 1 with every training step, on
/// the device, so that a resumed run draws the same numbers.
/// </remarks>
public sealed class Dropout : Layer
{
    private readonly float _probability;
    private readonly Parameter _state;

    /// <summary>Creates the layer.</summary>
    /// <param name="probability">p, at least 0 and below 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The probability is outside its range.</exception>
    public Dropout(float probability = 0.5f)
    {
        if (!(probability >= 0f && probability < 1f))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "must be at least 0 and below 1");
        _probability = probability;
        _state = AddRandomState("random_state");
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (!input.Graph.Training || _probability == 0f) return input;
        var kept = Operators.Random.Bernoulli(input.Graph.Parameter(_state), input.Shape, 1f - _probability);
        return input * kept * (1f / (1f - _probability));
    }
}
