using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Makes channels of positions, the opposite of <see cref="PixelShuffle"/>: input (N, C, H * r, W * r),
/// output (N, C * r * r, H, W).
/// </summary>
public sealed class PixelUnshuffle : Layer
{
    private readonly int _factor;

    /// <summary>Creates the layer.</summary>
    /// <param name="factor">r, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is below 1.</exception>
    public PixelUnshuffle(int factor)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 1);
        _factor = factor;
    }

    /// <inheritdoc/>
    protected override Value Build(Value input) => Shuffle.ChannelsFromPixels(input, _factor);
}
