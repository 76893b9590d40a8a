namespace DeepNative.Cli.Images;

/// <summary>An image with 8 bits a value.</summary>
/// <param name="Width">Columns, at least 1.</param>
/// <param name="Height">Rows, at least 1.</param>
/// <param name="Channels">1: grey; 3: red, green, blue.</param>
/// <param name="Pixels">(height, width, channels), row-major.</param>
internal sealed record Picture(int Width, int Height, int Channels, byte[] Pixels)
{
    /// <summary>Images with more pixels are refused before memory is taken for them.</summary>
    public const long MaxPixels = 1L << 26;

    /// <summary>The image as a model takes it.</summary>
    /// <param name="channels">1 or 3; colour becomes luminance, grey is repeated.</param>
    /// <param name="height">Rows; another size is resampled by <see cref="Resize"/>.</param>
    /// <param name="width">Columns.</param>
    /// <param name="invert">True: 255 - value, for dark ink on light paper.</param>
    /// <returns>(channels, height, width), row-major.</returns>
    public byte[] ToPlanes(int channels, int height, int width, bool invert)
    {
        var source = WithChannels(channels).Resize(width, height);
        var planes = new byte[channels * height * width];
        for (var channel = 0; channel < channels; channel++)
        {
            for (var i = 0; i < height * width; i++)
            {
                var value = source.Pixels[i * channels + channel];
                planes[channel * height * width + i] = invert ? (byte)(255 - value) : value;
            }
        }

        return planes;
    }

    /// <summary>Each new pixel is the mean of the area that it covers, rounded to nearest.</summary>
    /// <param name="width">New columns.</param>
    /// <param name="height">New rows.</param>
    /// <returns>The image itself when the size fits already.</returns>
    public Picture Resize(int width, int height)
    {
        if (width == Width && height == Height) return this;
        var columns = Coverage(Width, width);
        var rows = Coverage(Height, height);
        var area = (double)Width / width * ((double)Height / height);
        var pixels = new byte[width * height * Channels];
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                for (var channel = 0; channel < Channels; channel++)
                {
                    var sum = 0.0;
                    foreach (var (row, rowWeight) in rows[y])
                        foreach (var (column, weight) in columns[x])
                            sum += rowWeight * weight * Pixels[(row * Width + column) * Channels + channel];
                    pixels[(y * width + x) * Channels + channel] = (byte)Math.Clamp(Math.Round(sum / area), 0, 255);
                }
            }
        }

        return new Picture(width, height, Channels, pixels);
    }

    // ITU-R BT.601 luminance.
    private Picture WithChannels(int channels)
    {
        if (channels == Channels) return this;
        var pixels = new byte[Width * Height * channels];
        for (var i = 0; i < Width * Height; i++)
        {
            if (channels == 1)
            {
                var (red, green, blue) = (Pixels[3 * i], Pixels[3 * i + 1], Pixels[3 * i + 2]);
                pixels[i] = (byte)Math.Round(0.299 * red + 0.587 * green + 0.114 * blue);
            }
            else
            {
                pixels.AsSpan(i * channels, channels).Fill(Pixels[i]);
            }
        }

        return new Picture(Width, Height, channels, pixels);
    }

    // For every new position, the old ones under it and how much of each.
    private static (int Index, double Weight)[][] Coverage(int from, int to)
    {
        var scale = (double)from / to;
        var coverage = new (int, double)[to][];
        for (var i = 0; i < to; i++)
        {
            var (begin, end) = (i * scale, (i + 1) * scale);
            var parts = new List<(int, double)>();
            for (var j = (int)begin; j < from && j < end; j++)
                parts.Add((j, Math.Min(end, j + 1) - Math.Max(begin, j)));
            coverage[i] = [.. parts];
        }

        return coverage;
    }
}
