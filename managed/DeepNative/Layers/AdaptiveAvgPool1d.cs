using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// The mean of as many parts of the input as the output has elements: input (N, C, L), output (N, C, P) of a
/// given size whatever the input's. Parts overlap where the extents do not divide.
/// </summary>
public sealed class AdaptiveAvgPool1d : Layer
{
    private readonly PerAxis _size;

    /// <summary>Creates the layer.</summary>
    /// <param name="size">The output's spatial extents, each at least 1.</param>
    public AdaptiveAvgPool1d(PerAxis size) => _size = size;

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 3) throw Mismatch(input.Shape, "(N, C, L)");
        return Pooling.AdaptiveAverage(input, _size);
    }
}
