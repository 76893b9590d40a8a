using System.Buffers.Binary;

namespace DeepNative.Cli.Images;

/// <summary>How the values of a pixel are meant.</summary>
internal enum PngColor
{
    /// <summary>One value, 0 is black.</summary>
    Grey = 0,

    /// <summary>Red, green, blue.</summary>
    Rgb = 2,

    /// <summary>A number of a colour in the palette.</summary>
    Palette = 3,

    /// <summary>Grey and opacity.</summary>
    GreyAlpha = 4,

    /// <summary>Red, green, blue and opacity.</summary>
    RgbAlpha = 6,
}

/// <summary>The IHDR chunk.</summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="Bits">Bits a value: 1, 2, 4 or 8.</param>
/// <param name="Color">What the values are.</param>
internal sealed record PngHeader(int Width, int Height, int Bits, PngColor Color)
{
    /// <summary>Bits of all values of a pixel.</summary>
    public int BitsPerPixel => Bits * Color switch
    {
        PngColor.Rgb => 3,
        PngColor.GreyAlpha => 2,
        PngColor.RgbAlpha => 4,
        _ => 1,
    };

    /// <summary>Bytes of a row without its filter byte.</summary>
    public int RowBytes => (int)(((long)Width * BitsPerPixel + 7) / 8);

    /// <summary>Reads and checks the chunk.</summary>
    /// <param name="data">The chunk's data.</param>
    /// <returns>The header.</returns>
    /// <exception cref="InvalidDataException">Values that the standard or this reader does not allow.</exception>
    public static PngHeader Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length != 13) throw new InvalidDataException($"IHDR of {data.Length} bytes, expected 13");
        var width = BinaryPrimitives.ReadUInt32BigEndian(data);
        var height = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        var (bits, color, compression, filter, interlace) = (data[8], (PngColor)data[9], data[10], data[11], data[12]);
        if (width == 0 || height == 0 || (ulong)width * height > (ulong)Picture.MaxPixels)
            throw new InvalidDataException($"size {width}x{height}, expected 1 to {Picture.MaxPixels} pixels");
        var fits = color switch
        {
            PngColor.Grey or PngColor.Palette => bits is 1 or 2 or 4 or 8,
            PngColor.Rgb or PngColor.GreyAlpha or PngColor.RgbAlpha => bits == 8,
            _ => throw new InvalidDataException($"unknown colour type {(int)color}"),
        };
        if (!fits) throw new InvalidDataException($"{bits} bits a value, expected 8 (grey and palette: 1, 2, 4 or 8)");
        if (compression != 0 || filter != 0) throw new InvalidDataException("unknown compression or filter method");
        if (interlace != 0) throw new InvalidDataException("interlaced images are not supported");
        return new PngHeader((int)width, (int)height, bits, color);
    }
}
