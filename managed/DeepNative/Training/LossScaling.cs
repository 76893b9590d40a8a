using System.Globalization;

namespace DeepNative.Training;

/// <summary>
/// Multiplies the loss before gradients are taken, and divides these again, so that small gradients do not vanish in
/// float16 on their way (Micikevicius et al., "Mixed precision training", 2018).
/// </summary>
/// <remarks>
/// A step whose gradients are not finite is left out: weights, their average and the optimiser's state stay, the scale is
/// halved. After as many good steps as the growth interval it is doubled. All of it happens on the device, and is part of
/// checkpoints. Batch norm's running statistics, which the forward pass updates, are not taken back. Immutable and
/// thread-safe.
/// </remarks>
public sealed class LossScaling
{
    /// <summary>Creates the rule.</summary>
    /// <param name="initial">The first scale, 1 to 2^24; a power of two divides without rounding.</param>
    /// <param name="growthInterval">Good steps after which the scale is doubled, at least 1; 0: it is not raised.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public LossScaling(float initial = 65536f, int growthInterval = 2000)
    {
        if (!(initial >= Lowest && initial <= Highest))
            throw new ArgumentOutOfRangeException(nameof(initial), initial, $"must be from {Lowest} to {Highest}");
        ArgumentOutOfRangeException.ThrowIfNegative(growthInterval);
        Initial = initial;
        GrowthInterval = growthInterval;
    }

    /// <summary>The first scale.</summary>
    public float Initial { get; }

    /// <summary>Good steps after which the scale is doubled; 0: it is not raised.</summary>
    public int GrowthInterval { get; }

    internal const float Lowest = 1f;

    internal const float Highest = 16777216f;

    /// <summary>"loss scale 65536, doubled after 2000 steps".</summary>
    /// <returns>The text.</returns>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"loss scale {Initial}{(GrowthInterval > 0 ? $", doubled after {GrowthInterval} steps" : "")}");
}
