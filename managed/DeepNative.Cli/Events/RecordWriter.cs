using System.Buffers.Binary;
using System.Numerics;

namespace DeepNative.Cli.Events;

/// <summary>TensorFlow's record files: length, its check value, bytes, their check value; little-endian.</summary>
internal static class RecordWriter
{
    /// <summary>Bytes around the content of a record.</summary>
    public const int Overhead = 16;

    /// <summary>Writes one record.</summary>
    /// <param name="file">Where to.</param>
    /// <param name="content">The bytes.</param>
    public static void Write(Stream file, ReadOnlySpan<byte> content)
    {
        Span<byte> header = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Mask(Crc(header[..8])));
        file.Write(header);
        file.Write(content);
        Span<byte> footer = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(footer, Mask(Crc(content)));
        file.Write(footer);
    }

    /// <summary>CRC-32C (Castagnoli), as in iSCSI (RFC 3720).</summary>
    /// <param name="bytes">The bytes.</param>
    /// <returns>The check value.</returns>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var value in bytes) crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }

    /// <summary>The form in which records hold check values, so that records of records do not cancel them.</summary>
    /// <param name="crc">The check value.</param>
    /// <returns>Rotated by 15 bits, plus a constant.</returns>
    public static uint Mask(uint crc) => unchecked(BitOperations.RotateRight(crc, 15) + 0xA282EAD8);
}
