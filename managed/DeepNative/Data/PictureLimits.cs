namespace DeepNative.Data;

/// <summary>What is refused from a picture's header, before memory is taken for it.</summary>
public sealed record PictureLimits
{
    /// <summary>The usual limits: 134 million pixels, files of 256 MiB, 100 passes.</summary>
    public static PictureLimits Default { get; } = new();

    /// <summary>The most pixels, width * height; at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public long MaxPixels { get; init => field = Positive(value, nameof(MaxPixels)); } = 1L << 27;

    /// <summary>The largest file in bytes; at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public long MaxBytes { get; init => field = Positive(value, nameof(MaxBytes)); } = 1L << 28;

    /// <summary>The most passes of a progressive JPEG, each of which takes the time of a whole picture; at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public int MaxScans { get; init => field = (int)Positive(value, nameof(MaxScans)); } = 100;

    private static long Positive(long value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        return value;
    }
}
