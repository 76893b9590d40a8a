namespace DeepNative.Data;

/// <summary>One grey image in memory.</summary>
public sealed class GrayImage
{
    /// <summary>Wraps pixels; they are not copied.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">uint8 (height, width), row-major; 0 is black.</param>
    /// <exception cref="ArgumentException">The number of pixels is not width * height.</exception>
    public GrayImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentNullException.ThrowIfNull(pixels);
        if ((long)width * height != pixels.Length)
            throw new ArgumentException(
                $"{pixels.Length} pixels, expected {(long)width * height} for {width} x {height}.", nameof(pixels));
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>uint8 (Height, Width), row-major; 0 is black.</summary>
    public byte[] Pixels { get; }
}
