using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Makes positions of channels: input (N, C * r * r, H, W), output (N, C, H * r, W * r) (Shi et al.:
/// "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
/// network", 2016).
/// </summary>
public sealed class PixelShuffle : Layer
{
    private readonly int _factor;

    /// <summary>Creates the layer.</summary>
    /// <param name="factor">r, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is below 1.</exception>
    public PixelShuffle(int factor)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 1);
        _factor = factor;
    }

    /// <inheritdoc/>
    protected override Value Build(Value input) => Shuffle.PixelsFromChannels(input, _factor);
}
