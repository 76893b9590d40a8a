namespace DeepNative.Layers;

/// <summary>What instance normalisations over one and two axes share.</summary>
public abstract class InstanceNormLayer : Layer
{
    private readonly string _expected;
    private readonly int _rank;
    private readonly int _channels;
    private readonly float _epsilon;
    private readonly Parameter? _weight;
    private readonly Parameter? _bias;

    private protected InstanceNormLayer(string spatial, int rank, int channels, float epsilon, bool affine)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        _expected = $"(N, {channels}, {spatial})";
        _rank = rank;
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
        if (shape.Rank != _rank || shape[1] != _channels) throw Mismatch(shape, _expected);
        var graph = input.Graph;
        if (graph.Training && shape.From(2).Count < 2) throw Mismatch(shape, _expected + " with two or more positions");
        return Operators.GroupNorm.Apply(
            input, _channels, _weight is null ? null : graph.Parameter(_weight), _bias is null ? null : graph.Parameter(_bias), _epsilon);
    }
}
