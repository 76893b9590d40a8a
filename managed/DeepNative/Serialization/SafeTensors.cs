using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace DeepNative.Serialization;

/// <summary>
/// The safetensors format: 8 bytes little-endian header length, a JSON header, then the data of all
/// tensors without gaps (https://github.com/huggingface/safetensors).
/// </summary>
public static class SafeTensors
{
    /// <summary>The format's own limit on the header.</summary>
    internal const long MaxHeaderBytes = 100_000_000;

    internal const int PrefixBytes = 8;
    internal const string MetadataKey = "__metadata__";
    private const int HeaderAlignment = 8;

    /// <summary>Opens a file: the header is read and checked, tensor data is read on demand.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The open file.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file breaks the format; the message names the file, what was found and what was expected.
    /// </exception>
    public static SafeTensorsFile Open(string path) => new(path);

    /// <summary>
    /// Writes all tensors, atomically: at any failure the old file stays. The same input gives the same
    /// bytes: data and header are ordered by element size (largest first, so that all is aligned
    /// without gaps), then by name.
    /// </summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <param name="tensors">The tensors, in any order.</param>
    /// <param name="metadata">Free text, or null.</param>
    /// <exception cref="ArgumentException">A name appears twice or is "__metadata__".</exception>
    /// <exception cref="IOException">The disk is full or failed; the old file is as it was.</exception>
    public static void Write(
        string path, IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var ordered = Order(tensors);
        var header = BuildHeader(ordered, metadata);
        using var file = AtomicFile.Create(path);
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
        file.Stream.Write(prefix);
        file.Stream.Write(header);
        foreach (var tensor in ordered) tensor.WriteTo(file.Stream);
        file.Commit();
    }

    /// <summary>Bytes of a tensor; false where a size is negative or the product leaves int64.</summary>
    internal static bool TryCountBytes(ReadOnlySpan<long> shape, SafeTensorType type, out long bytes)
    {
        bytes = 0;
        // A zero anywhere makes the product zero, but must not hide an overflow of the other sizes.
        Int128 product = type.ElementBytes();
        var empty = false;
        foreach (var size in shape)
        {
            if (size < 0) return false;
            if (size == 0)
            {
                empty = true;
                continue;
            }

            product *= size;
            if (product > long.MaxValue) return false;
        }

        bytes = empty ? 0 : (long)product;
        return true;
    }

    private static TensorEntry[] Order(IReadOnlyList<TensorEntry> tensors)
    {
        var ordered = new TensorEntry[tensors.Count];
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < ordered.Length; i++)
        {
            ordered[i] = tensors[i];
            if (ordered[i].Name == MetadataKey)
                throw new ArgumentException($"'{MetadataKey}' is reserved and cannot name a tensor.", nameof(tensors));
            if (!names.Add(ordered[i].Name))
                throw new ArgumentException($"Two tensors are named '{ordered[i].Name}'.", nameof(tensors));
        }

        Array.Sort(ordered, static (a, b) =>
        {
            var bySize = b.Type.ElementBytes().CompareTo(a.Type.ElementBytes());
            return bySize != 0 ? bySize : string.CompareOrdinal(a.Name, b.Name);
        });
        return ordered;
    }

    private static byte[] BuildHeader(TensorEntry[] ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 }) WriteMetadata(json, metadata);
            long begin = 0;
            foreach (var tensor in ordered)
            {
                var end = checked(begin + tensor.Bytes);
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.FileName());
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(begin);
                json.WriteNumberValue(end);
                json.WriteEndArray();
                json.WriteEndObject();
                begin = end;
            }

            json.WriteEndObject();
        }

        // Spaces up to a multiple of 8, so that the data that follows is aligned in the file.
        var padding = (HeaderAlignment - buffer.WrittenCount % HeaderAlignment) % HeaderAlignment;
        buffer.GetSpan(padding + 1)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        if (buffer.WrittenCount > MaxHeaderBytes)
            throw new ArgumentException(
                $"The header takes {buffer.WrittenCount} bytes; the format allows {MaxHeaderBytes}.", nameof(ordered));
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        var keys = new List<string>(metadata.Keys);
        keys.Sort(StringComparer.Ordinal);
        json.WriteStartObject(MetadataKey);
        foreach (var key in keys) json.WriteString(key, metadata[key]);
        json.WriteEndObject();
    }
}
