namespace DeepNative.Data;

/// <summary>What is drawn by <see cref="ShapesDataset"/>.</summary>
public sealed record ShapesOptions
{
    /// <summary>Pictures, at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public int Count { get; init => field = AtLeast(1, value, nameof(Count)); } = 4000;

    /// <summary>Rows and columns of a picture, at least 16.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 16.</exception>
    public int Size { get; init => field = AtLeast(16, value, nameof(Size)); } = 64;

    /// <summary>1: grey; 3: red, green, blue.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Neither.</exception>
    public int Channels
    {
        get;
        init => field = value is 1 or 3 ? value : throw new ArgumentOutOfRangeException(nameof(Channels), value, "expected 1 or 3.");
    } = 3;

    /// <summary>The most shapes in a picture, at least 1: a random number up to it, later ones before earlier ones.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public int MostObjects { get; init => field = AtLeast(1, value, nameof(MostObjects)); } = 1;

    /// <summary>Half the width of the band of even noise that is added to every byte, 0 to 127.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public int Noise
    {
        get;
        init => field = value is >= 0 and <= 127 ? value : throw new ArgumentOutOfRangeException(nameof(Noise), value, "expected 0 to 127.");
    } = 20;

    /// <summary>Decides everything that is random.</summary>
    public ulong Seed { get; init; }

    private static int AtLeast(int least, int value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        return value;
    }
}
