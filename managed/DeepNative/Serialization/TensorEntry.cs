using System.Runtime.InteropServices;

namespace DeepNative.Serialization;

/// <summary>One tensor to be written by <see cref="SafeTensors.Write"/>. Refers to the caller's memory.</summary>
public abstract class TensorEntry
{
    private readonly long[] _shape;

    private protected TensorEntry(string name, SafeTensorType type, ReadOnlySpan<long> shape, long dataBytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
        Type = type;
        _shape = shape.ToArray();
        Bytes = dataBytes;
        if (!SafeTensors.TryCountBytes(shape, type, out var bytes) || bytes != dataBytes)
            throw new ArgumentException(
                $"Tensor '{name}' has {dataBytes} bytes of data; {type.FileName()} ({string.Join(", ", _shape)}) "
                + "asks for another size.", nameof(shape));
    }

    /// <summary>The tensor's name, unique in the file.</summary>
    public string Name { get; }

    /// <summary>The element type in the file.</summary>
    public SafeTensorType Type { get; }

    /// <summary>Sizes, outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Size of the data in bytes.</summary>
    public long Bytes { get; }

    /// <summary>An entry over typed memory: float, double, Half, long, int, byte or bool.</summary>
    /// <typeparam name="T">The element type; it decides the type in the file.</typeparam>
    /// <param name="name">The tensor's name.</param>
    /// <param name="shape">Sizes, outermost first; empty for a scalar.</param>
    /// <param name="data">The elements, row-major. Not copied: keep unchanged until written.</param>
    /// <returns>The entry.</returns>
    /// <exception cref="ArgumentException">The shape does not have that many elements, or no file type holds T.</exception>
    public static TensorEntry Create<T>(string name, ReadOnlySpan<long> shape, ReadOnlyMemory<T> data)
        where T : unmanaged =>
        new Typed<T>(name, SafeTensorTypes.Of<T>(), shape, data);

    /// <summary>An entry over raw bytes, for instance for bfloat16.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="type">The element type.</param>
    /// <param name="shape">Sizes, outermost first; empty for a scalar.</param>
    /// <param name="data">The elements, row-major, little-endian. Not copied: keep unchanged until written.</param>
    /// <returns>The entry.</returns>
    /// <exception cref="ArgumentException">The shape asks for another number of bytes.</exception>
    public static TensorEntry Create(string name, SafeTensorType type, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> data) =>
        new Typed<byte>(name, type, shape, data);

    internal abstract void WriteTo(Stream stream);

    private sealed class Typed<T>(string name, SafeTensorType type, ReadOnlySpan<long> shape, ReadOnlyMemory<T> data)
        : TensorEntry(name, type, shape, (long)data.Length * ElementSize) where T : unmanaged
    {
        private static unsafe int ElementSize => sizeof(T);

        internal override void WriteTo(Stream stream)
        {
            // In pieces, because a span of bytes ends at 2 GiB.
            const int pieceBytes = 1 << 24;
            var piece = pieceBytes / ElementSize;
            for (var start = 0; start < data.Length; start += piece)
                stream.Write(MemoryMarshal.AsBytes(data.Slice(start, Math.Min(piece, data.Length - start)).Span));
        }
    }
}
