using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Deals the channels of each group to all groups: channel g * (C / groups) + i becomes channel
/// i * groups + g of (N, C, ...) (Zhang et al.: "ShuffleNet", 2018).
/// </summary>
public sealed class ChannelShuffle : Layer
{
    private readonly int _groups;

    /// <summary>Creates the layer.</summary>
    /// <param name="groups">1 or more; divides the channels.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are less than 1.</exception>
    public ChannelShuffle(int groups)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        _groups = groups;
    }

    /// <inheritdoc/>
    protected override Value Build(Value input) => Shuffle.Channels(input, _groups);
}
