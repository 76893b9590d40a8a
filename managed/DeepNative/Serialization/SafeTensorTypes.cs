namespace DeepNative.Serialization;

/// <summary>Names and sizes of <see cref="SafeTensorType"/>.</summary>
public static class SafeTensorTypes
{
    private static readonly (SafeTensorType Type, string Name, int Bytes)[] _all =
    [
        (SafeTensorType.Bool, "BOOL", 1),
        (SafeTensorType.U8, "U8", 1),
        (SafeTensorType.F16, "F16", 2),
        (SafeTensorType.BF16, "BF16", 2),
        (SafeTensorType.I32, "I32", 4),
        (SafeTensorType.F32, "F32", 4),
        (SafeTensorType.I64, "I64", 8),
        (SafeTensorType.F64, "F64", 8),
    ];

    /// <summary>All names as they stand in a file, for messages.</summary>
    internal static string KnownNames => string.Join(", ", Array.ConvertAll(_all, entry => entry.Name));

    /// <summary>Size of one element.</summary>
    /// <param name="type">The element type.</param>
    /// <returns>1, 2, 4 or 8 bytes.</returns>
    public static int ElementBytes(this SafeTensorType type) => Entry(type).Bytes;

    /// <summary>The name as it stands in a file.</summary>
    /// <param name="type">The element type.</param>
    /// <returns>For instance "F32".</returns>
    public static string FileName(this SafeTensorType type) => Entry(type).Name;

    internal static bool TryParse(string? name, out SafeTensorType type)
    {
        foreach (var entry in _all)
        {
            if (entry.Name != name) continue;
            type = entry.Type;
            return true;
        }

        type = default;
        return false;
    }

    /// <summary>The element type that holds the bits of <typeparamref name="T"/>.</summary>
    internal static SafeTensorType Of<T>() where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return SafeTensorType.F32;
        if (typeof(T) == typeof(double)) return SafeTensorType.F64;
        if (typeof(T) == typeof(Half)) return SafeTensorType.F16;
        if (typeof(T) == typeof(long)) return SafeTensorType.I64;
        if (typeof(T) == typeof(int)) return SafeTensorType.I32;
        if (typeof(T) == typeof(byte)) return SafeTensorType.U8;
        if (typeof(T) == typeof(bool)) return SafeTensorType.Bool;
        throw new ArgumentException($"No safetensors type holds {typeof(T)}; known are {KnownNames}.");
    }

    private static (SafeTensorType Type, string Name, int Bytes) Entry(SafeTensorType type)
    {
        foreach (var entry in _all)
            if (entry.Type == type) return entry;
        throw new ArgumentOutOfRangeException(nameof(type), type, "Not a safetensors element type.");
    }
}
