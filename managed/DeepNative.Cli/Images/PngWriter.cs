using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace DeepNative.Cli.Images;

/// <summary>Writes PNG images (W3C Portable Network Graphics, third edition), 8 bits a value.</summary>
internal static class PngWriter
{
    private static readonly byte[] _signature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];
    private static readonly uint[] _crcTable = BuildCrcTable();

    /// <summary>Encodes an image given as planes.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="channels">1: grey; 3: red, green, blue.</param>
    /// <param name="planes">(channels, height, width), row-major.</param>
    /// <returns>The file's content.</returns>
    /// <exception cref="ArgumentException">The planes are not of that size.</exception>
    public static byte[] FromPlanes(int width, int height, int channels, ReadOnlySpan<byte> planes)
    {
        if (channels is not (1 or 3)) throw new ArgumentException($"{channels} channels, expected 1 or 3.", nameof(channels));
        if (width < 1 || height < 1 || planes.Length != (long)width * height * channels)
            throw new ArgumentException($"{planes.Length} bytes are not {channels} planes of {width} x {height}.", nameof(planes));
        var area = width * height;
        using var file = new MemoryStream();
        file.Write(_signature);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        header[9] = (byte)(channels == 1 ? 0 : 2);
        Chunk(file, "IHDR", header);
        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            // Every row: filter 0, none, then its pixels.
            var row = new byte[1 + width * channels];
            for (var y = 0; y < height; y++)
            {
                for (var x = 0; x < width; x++)
                    for (var channel = 0; channel < channels; channel++)
                        row[1 + x * channels + channel] = planes[channel * area + y * width + x];
                zlib.Write(row);
            }
        }

        Chunk(file, "IDAT", compressed.ToArray());
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    private static void Chunk(MemoryStream file, string type, ReadOnlySpan<byte> data)
    {
        var chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        Encoding.ASCII.GetBytes(type, chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc(chunk.AsSpan(4, 4 + data.Length)));
        file.Write(chunk);
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes) crc = _crcTable[(byte)(crc ^ value)] ^ (crc >> 8);
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
}
