namespace DeepNative.Data;

/// <summary>One picture in memory, 8 bits a value, grey or colour.</summary>
public sealed class Picture
{
    /// <summary>Wraps planes; they are not copied.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="channels">1: grey; 3: red, green, blue.</param>
    /// <param name="planes">uint8 (channels, height, width), row-major; 0 is black.</param>
    /// <exception cref="ArgumentException">Other channels, or the number of bytes is not channels * height * width.</exception>
    public Picture(int width, int height, int channels, byte[] planes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "A picture has 1 or 3 channels.");
        ArgumentNullException.ThrowIfNull(planes);
        if ((Int128)width * height * channels != planes.Length)
            throw new ArgumentException(
                $"{planes.Length} bytes, expected {(Int128)width * height * channels} for {channels} x {height} x {width}.",
                nameof(planes));
        (Width, Height, Channels, Planes) = (width, height, channels, planes);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>1: grey; 3: red, green, blue.</summary>
    public int Channels { get; }

    /// <summary>uint8 (Channels, Height, Width), row-major; 0 is black.</summary>
    public byte[] Planes { get; }
}
