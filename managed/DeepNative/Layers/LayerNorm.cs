namespace DeepNative.Layers;

/// <summary>
/// Layer normalisation over the last axes (Ba, Kiros, Hinton: "Layer normalization", 2016):
/// output = (input - mean) / sqrt(var + epsilon) * weight + bias, with mean and biased variance of each
/// sample over the axes of normalizedShape. Input and output (..., normalizedShape). The same in training
/// and evaluation.
/// </summary>
/// <remarks>Parameters, both of normalizedShape: "weight" (1) and "bias" (0), each where it was asked for.</remarks>
public sealed class LayerNorm : Layer
{
    private readonly Shape _normalizedShape;
    private readonly float _epsilon;
    private readonly Parameter? _weight;
    private readonly Parameter? _bias;

    /// <summary>Creates the layer.</summary>
    /// <param name="normalizedShape">The extents of the last axes, one or more, each at least 1.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <param name="elementwiseAffine">Whether there is a weight, and a bias unless said otherwise.</param>
    /// <param name="bias">Whether there is a bias beside the weight.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent or epsilon is outside its range.</exception>
    public LayerNorm(Shape normalizedShape, float epsilon = 1e-5f, bool elementwiseAffine = true, bool bias = true)
    {
        if (normalizedShape.Rank == 0 || normalizedShape.Count < 1)
            throw new ArgumentOutOfRangeException(nameof(normalizedShape), $"{normalizedShape} has no axis or an extent below 1.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        _normalizedShape = normalizedShape;
        _epsilon = epsilon;
        if (!elementwiseAffine) return;
        _weight = AddParameter("weight", normalizedShape, Initializer.Ones);
        if (bias) _bias = AddParameter("bias", normalizedShape, Initializer.Zeros);
    }

    /// <summary>Creates the layer for the last axis.</summary>
    /// <param name="features">Its extent, at least 1.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <param name="elementwiseAffine">Whether there is a weight, and a bias unless said otherwise.</param>
    /// <param name="bias">Whether there is a bias beside the weight.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public LayerNorm(int features, float epsilon = 1e-5f, bool elementwiseAffine = true, bool bias = true)
        : this(new Shape(Math.Max(features, 0)), epsilon, elementwiseAffine, bias)
    {
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var leading = input.Shape.Rank - _normalizedShape.Rank;
        if (leading < 0 || input.Shape.From(leading) != _normalizedShape)
            throw Mismatch(input.Shape, $"a shape that ends with {_normalizedShape}");
        var graph = input.Graph;
        return Operators.GroupNorm.Layer(
            input, _normalizedShape, _weight is null ? null : graph.Parameter(_weight), _bias is null ? null : graph.Parameter(_bias), _epsilon);
    }
}
