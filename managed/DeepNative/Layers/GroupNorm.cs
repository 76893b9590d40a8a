namespace DeepNative.Layers;

/// <summary>
/// Group normalisation (Wu, He: "Group normalization", 2018):
/// output = (input - mean) / sqrt(var + epsilon) * weight + bias, with mean and biased variance of each sample
/// over each group of neighbouring channels and all positions. Input and output (N, C, ...). The same in
/// training and evaluation.
/// </summary>
/// <remarks>Parameters, both (C), where they were asked for: "weight" (1) and "bias" (0).</remarks>
public sealed class GroupNorm : Layer
{
    private readonly int _groups;
    private readonly int _channels;
    private readonly float _epsilon;
    private readonly Parameter? _weight;
    private readonly Parameter? _bias;

    /// <summary>Creates the layer.</summary>
    /// <param name="groups">How many groups the channels form, at least 1; divides the channels.</param>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public GroupNorm(int groups, int channels, float epsilon = 1e-5f, bool affine = true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        if (channels % groups != 0)
            throw new ArgumentOutOfRangeException(nameof(groups), groups, $"must divide the {channels} channels");
        _groups = groups;
        _channels = channels;
        _epsilon = epsilon;
        if (!affine) return;
        _weight = AddParameter("weight", new Shape(channels), Initializer.Ones);
        _bias = AddParameter("bias", new Shape(channels), Initializer.Zeros);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (shape.Rank < 2 || shape[1] != _channels) throw Mismatch(shape, $"(N, {_channels}, ...)");
        var graph = input.Graph;
        return Operators.GroupNorm.Apply(
            input, _groups, _weight is null ? null : graph.Parameter(_weight), _bias is null ? null : graph.Parameter(_bias), _epsilon);
    }
}
