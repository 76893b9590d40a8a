using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using DeepNative.Cli.Images;

namespace DeepNative.Tests.Cli;

/// <summary>Writes PNG files for the tests of the reader; every row can have its own filter.</summary>
internal static class PngEncoder
{
    public static readonly byte[] Signature = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>A file whose row y uses filter y mod 5.</summary>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="bits">Bits a value.</param>
    /// <param name="color">PNG's colour type.</param>
    /// <param name="rows">The packed rows without filter bytes.</param>
    /// <param name="extra">Chunks between IHDR and IDAT.</param>
    public static byte[] Encode(int width, int height, int bits, int color, byte[] rows, params byte[][] extra)
    {
        var rowBytes = rows.Length / height;
        var step = Math.Max(1, bits * Channels(color) / 8);
        var filtered = new MemoryStream();
        for (var y = 0; y < height; y++)
        {
            var filter = y % 5;
            filtered.WriteByte((byte)filter);
            for (var i = 0; i < rowBytes; i++)
            {
                int At(int row, int column) => row < 0 || column < 0 ? 0 : rows[row * rowBytes + column];
                int a = At(y, i - step), b = At(y - 1, i), c = At(y - 1, i - step);
                var guess = filter switch { 0 => 0, 1 => a, 2 => b, 3 => (a + b) / 2, _ => Paeth(a, b, c) };
                filtered.WriteByte((byte)(At(y, i) - guess));
            }
        }

        return File([Header(width, height, bits, color), .. extra, Chunk("IDAT", Deflate(filtered.ToArray())), Chunk("IEND", [])]);
    }

    public static byte[] File(params byte[][] chunks) => [.. Signature, .. chunks.SelectMany(chunk => chunk)];

    public static byte[] Header(int width, int height, int bits, int color, int interlace = 0)
    {
        var data = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(data, width);
        BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(4), height);
        data[8] = (byte)bits;
        data[9] = (byte)color;
        data[12] = (byte)interlace;
        return Chunk("IHDR", data);
    }

    public static byte[] Chunk(string type, byte[] data)
    {
        var chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        Encoding.ASCII.GetBytes(type, chunk.AsSpan(4));
        data.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), PngReader.Crc(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }

    public static byte[] Deflate(byte[] bytes)
    {
        var stream = new MemoryStream();
        using (var zlib = new ZLibStream(stream, CompressionLevel.Optimal)) zlib.Write(bytes);
        return stream.ToArray();
    }

    public static int Channels(int color) => color switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

    private static int Paeth(int a, int b, int c)
    {
        var p = a + b - c;
        var (pa, pb, pc) = (Math.Abs(p - a), Math.Abs(p - b), Math.Abs(p - c));
        if (pa <= pb && pa <= pc) return a;
        return pb <= pc ? b : c;
    }
}
