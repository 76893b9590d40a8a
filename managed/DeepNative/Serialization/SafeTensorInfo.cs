namespace DeepNative.Serialization;

/// <summary>What the header of a safetensors file says of one tensor.</summary>
public sealed class SafeTensorInfo
{
    private readonly long[] _shape;

    internal SafeTensorInfo(string name, SafeTensorType type, long[] shape, long begin, long end)
    {
        Name = name;
        Type = type;
        _shape = shape;
        Begin = begin;
        End = end;
    }

    /// <summary>The tensor's name, unique in the file.</summary>
    public string Name { get; }

    /// <summary>The element type.</summary>
    public SafeTensorType Type { get; }

    /// <summary>Sizes, outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Size of the data in bytes.</summary>
    public long Bytes => End - Begin;

    /// <summary>Number of elements; 1 for a scalar.</summary>
    public long Numel => Bytes / Type.ElementBytes();

    /// <summary>First byte, counted from the end of the header.</summary>
    internal long Begin { get; }

    /// <summary>One past the last byte, counted from the end of the header.</summary>
    internal long End { get; }

    /// <summary>Type and shape as in "F32 (64, 3, 5, 5)".</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Type.FileName()} ({string.Join(", ", _shape)})";
}
