namespace DeepNative.Cli.Images;

/// <summary>Reads PGM and PPM images, text (P2, P3) and binary (P5, P6), with values up to 255.</summary>
internal static class NetpbmReader
{
    /// <summary>Whether the bytes begin like such a file.</summary>
    /// <param name="bytes">The file's content.</param>
    /// <returns>True for P2, P3, P5 and P6.</returns>
    public static bool Matches(ReadOnlySpan<byte> bytes) =>
        bytes.Length > 2 && bytes[0] == 'P' && bytes[1] is (byte)'2' or (byte)'3' or (byte)'5' or (byte)'6' && IsSpace(bytes[2]);

    /// <summary>Decodes a file.</summary>
    /// <param name="bytes">The file's content, for which <see cref="Matches"/> holds.</param>
    /// <returns>The image, values scaled to 0 .. 255.</returns>
    /// <exception cref="InvalidDataException">The file is damaged or its values have more than 8 bits.</exception>
    public static Picture Read(ReadOnlySpan<byte> bytes)
    {
        var channels = bytes[1] is (byte)'2' or (byte)'5' ? 1 : 3;
        var binary = bytes[1] is (byte)'5' or (byte)'6';
        var position = 2;
        var width = Number(bytes, ref position, "width");
        var height = Number(bytes, ref position, "height");
        var maximum = Number(bytes, ref position, "maximum");
        if (width == 0 || height == 0 || (long)width * height > Picture.MaxPixels)
            throw new InvalidDataException($"size {width}x{height}, expected 1 to {Picture.MaxPixels} pixels");
        if (maximum is 0 or > 255) throw new InvalidDataException($"maximum value {maximum}, expected 1 to 255");

        var count = width * height * channels;
        // One white space ends the header; every value takes a byte at least.
        position += binary ? 1 : 0;
        if (bytes.Length - position < count)
            throw new InvalidDataException($"truncated: {Math.Max(0, bytes.Length - position)} bytes of pixels, expected {count}");
        var pixels = new byte[count];
        for (var i = 0; i < count; i++)
        {
            var value = binary ? bytes[position++] : Number(bytes, ref position, "pixel");
            if (value > maximum) throw new InvalidDataException($"pixel value {value} above the maximum {maximum}");
            pixels[i] = (byte)((value * 255 + maximum / 2) / maximum);
        }

        return new Picture(width, height, channels, pixels);
    }

    private static int Number(ReadOnlySpan<byte> bytes, ref int position, string what)
    {
        while (position < bytes.Length && (IsSpace(bytes[position]) || bytes[position] == '#'))
        {
            if (bytes[position] != '#') position++;
            else while (position < bytes.Length && bytes[position] != '\n') position++;
        }

        var start = position;
        var number = 0;
        while (position < bytes.Length && char.IsAsciiDigit((char)bytes[position]) && position - start < 9)
            number = number * 10 + (bytes[position++] - '0');
        if (position == start) throw new InvalidDataException($"{what}: a number is missing at byte {start}");
        return number;
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r' or 0x0B or 0x0C;
}
