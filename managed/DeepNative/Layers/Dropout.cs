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
        _probability = Checked(probability);
        _state = AddRandomState("random_state");
    }

    /// <inheritdoc/>
    protected override Value Build(Value input) => Drop(input, _state, input.Shape, _probability);

    internal static float Checked(float probability)
    {
        if (!(probability >= 0f && probability < 1f))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "must be at least 0 and below 1");
        return probability;
    }

    // One decision for each element of a shape that broadcasts to the input's.
    internal static Value Drop(Value input, Parameter state, Shape decisions, float probability)
    {
        if (!input.Graph.Training || probability == 0f) return input;
        var kept = Operators.Random.Bernoulli(input.Graph.Parameter(state), decisions, 1f - probability);
        return input * kept * (1f / (1f - probability));
    }
}
