using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace DeepNative.Cli.Images;

/// <summary>
/// Reads PNG images (W3C Portable Network Graphics, third edition): all colour types with up to 8 bits a
/// value, not interlaced. Transparent pixels are laid on white.
/// </summary>
internal static class PngReader
{
    private static readonly byte[] s_signature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];
    private static readonly uint[] s_crcTable = BuildCrcTable();

    /// <summary>Whether the bytes begin with PNG's signature.</summary>
    /// <param name="bytes">The file's content.</param>
    /// <returns>True for a PNG file.</returns>
    public static bool Matches(ReadOnlySpan<byte> bytes) => bytes.StartsWith(s_signature);

    /// <summary>Decodes a file.</summary>
    /// <param name="bytes">The file's content, for which <see cref="Matches"/> holds.</param>
    /// <returns>The image, grey or colour.</returns>
    /// <exception cref="InvalidDataException">The file is damaged or of an unsupported kind.</exception>
    public static Picture Read(ReadOnlySpan<byte> bytes)
    {
        PngHeader? header = null;
        byte[] palette = [];
        byte[] alpha = [];
        using var compressed = new MemoryStream();
        var position = s_signature.Length;
        while (true)
        {
            var type = NextChunk(bytes, ref position, out var data);
            if (header is null && type != "IHDR") throw new InvalidDataException($"chunk {type} before IHDR");
            switch (type)
            {
                case "IHDR":
                    if (header is not null) throw new InvalidDataException("two IHDR chunks");
                    header = PngHeader.Parse(data);
                    break;
                case "PLTE":
                    if (data.Length % 3 != 0 || data.Length is 0 or > 768)
                        throw new InvalidDataException($"palette of {data.Length} bytes, expected 1 to 256 colours of 3");
                    palette = data.ToArray();
                    break;
                case "tRNS":
                    alpha = data.ToArray();
                    break;
                case "IDAT":
                    compressed.Write(data);
                    break;
                case "IEND":
                    var rows = Inflate(header!, compressed);
                    Unfilter(header!, rows);
                    return Convert(header!, rows, palette, alpha);
                default:
                    // A capital first letter marks a chunk without which the image cannot be understood.
                    if (char.IsAsciiLetterUpper(type[0])) throw new InvalidDataException($"unknown critical chunk {type}");
                    break;
            }
        }
    }

    /// <summary>The check value of PNG's chunks, CRC-32 (ISO 3309).</summary>
    /// <param name="bytes">A chunk's type and data.</param>
    /// <returns>The check value.</returns>
    internal static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes) crc = s_crcTable[(byte)(crc ^ value)] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] BuildCrcTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
            table[i] = value;
        }

        return table;
    }

    private static string NextChunk(ReadOnlySpan<byte> bytes, ref int position, out ReadOnlySpan<byte> data)
    {
        if (bytes.Length - position < 12) throw new InvalidDataException($"truncated at byte {position}, before the IEND chunk");
        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[position..]);
        if (length > bytes.Length - position - 12)
            throw new InvalidDataException($"truncated: the chunk at byte {position} claims {length} bytes");
        var chunk = bytes.Slice(position + 4, 4 + (int)length);
        var type = Encoding.ASCII.GetString(chunk[..4]);
        if (Crc(chunk) != BinaryPrimitives.ReadUInt32BigEndian(bytes[(position + 8 + (int)length)..]))
            throw new InvalidDataException($"damaged: wrong check value of the chunk {type} at byte {position}");
        position += 12 + (int)length;
        data = chunk[4..];
        return type;
    }

    // The rows, each a filter byte and the packed values, with the filters still on.
    private static byte[] Inflate(PngHeader header, MemoryStream compressed)
    {
        var rows = new byte[header.Height * (1 + header.RowBytes)];
        compressed.Position = 0;
        int read;
        bool more;
        try
        {
            using var stream = new ZLibStream(compressed, CompressionMode.Decompress);
            read = stream.ReadAtLeast(rows, rows.Length, throwOnEndOfStream: false);
            more = stream.ReadByte() >= 0;
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"damaged pixels: {exception.Message}", exception);
        }

        if (read < rows.Length || more)
            throw new InvalidDataException($"{(more ? "more than " : "")}{read} bytes of pixels, expected {rows.Length}");
        return rows;
    }

    // Section 9 of the standard: a value is stored as its difference to a guess from its neighbours,
    // the same byte of the pixel to the left, above, and above left.
    private static void Unfilter(PngHeader header, byte[] rows)
    {
        var step = Math.Max(1, header.BitsPerPixel / 8);
        var above = new byte[header.RowBytes].AsSpan();
        for (var y = 0; y < header.Height; y++)
        {
            var start = y * (1 + header.RowBytes);
            var filter = rows[start];
            var row = rows.AsSpan(start + 1, header.RowBytes);
            for (var i = 0; i < row.Length; i++)
            {
                int a = i >= step ? row[i - step] : 0, b = above[i], c = i >= step ? above[i - step] : 0;
                row[i] += (byte)(filter switch
                {
                    0 => 0,
                    1 => a,
                    2 => b,
                    3 => (a + b) / 2,
                    4 => Paeth(a, b, c),
                    _ => throw new InvalidDataException($"unknown filter {filter} in row {y}"),
                });
            }

            above = row;
        }
    }

    private static int Paeth(int a, int b, int c)
    {
        var guess = a + b - c;
        int toA = Math.Abs(guess - a), toB = Math.Abs(guess - b), toC = Math.Abs(guess - c);
        return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
    }

    private static Picture Convert(PngHeader header, byte[] rows, byte[] palette, byte[] alpha)
    {
        var channels = header.Color is PngColor.Grey or PngColor.GreyAlpha ? 1 : 3;
        var pixels = new byte[header.Width * header.Height * channels];
        for (var y = 0; y < header.Height; y++)
        {
            var row = rows.AsSpan(y * (1 + header.RowBytes) + 1, header.RowBytes);
            for (var x = 0; x < header.Width; x++)
            {
                var pixel = pixels.AsSpan((y * header.Width + x) * channels, channels);
                switch (header.Color)
                {
                    case PngColor.Grey:
                        pixel[0] = (byte)(Packed(row, x, header.Bits) * 255 / ((1 << header.Bits) - 1));
                        break;
                    case PngColor.Palette:
                        var index = Packed(row, x, header.Bits);
                        if (3 * index >= palette.Length)
                            throw new InvalidDataException($"colour {index} of a palette of {palette.Length / 3}");
                        OnWhite(palette.AsSpan(3 * index, 3), index < alpha.Length ? alpha[index] : 255, pixel);
                        break;
                    case PngColor.Rgb:
                        row.Slice(3 * x, 3).CopyTo(pixel);
                        break;
                    default:
                        var stored = row.Slice((channels + 1) * x, channels + 1);
                        OnWhite(stored[..channels], stored[channels], pixel);
                        break;
                }
            }
        }

        return new Picture(header.Width, header.Height, channels, pixels);
    }

    private static int Packed(ReadOnlySpan<byte> row, int index, int bits)
    {
        var bit = index * bits;
        return (row[bit / 8] >> (8 - bits - bit % 8)) & ((1 << bits) - 1);
    }

    private static void OnWhite(ReadOnlySpan<byte> color, int alpha, Span<byte> pixel)
    {
        for (var i = 0; i < color.Length; i++) pixel[i] = (byte)((color[i] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
}
