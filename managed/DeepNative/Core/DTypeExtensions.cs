using System.Runtime.CompilerServices;

namespace DeepNative;

/// <summary>Facts about data types.</summary>
public static class DTypeExtensions
{
    /// <summary>The size of one element in bytes.</summary>
    /// <param name="dtype">The data type.</param>
    /// <returns>1, 2, 4 or 8.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Not a data type.</exception>
    public static int Size(this DType dtype) => dtype switch
    {
        DType.UInt8 => 1,
        DType.Float16 or DType.BFloat16 => 2,
        DType.Float32 or DType.Int32 => 4,
        DType.Float64 or DType.Int64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "not a data type."),
    };

    /// <summary>Whether the elements are floating-point numbers, and so can have a gradient.</summary>
    /// <param name="dtype">The data type.</param>
    /// <returns>True for the four floating-point types.</returns>
    public static bool IsFloatingPoint(this DType dtype) =>
        dtype is DType.Float32 or DType.Float64 or DType.Float16 or DType.BFloat16;

    // Host types that hold a dtype's elements bit for bit. BFloat16 has none in .NET: it travels as its 16 bits.
    internal static void CheckElement<T>(this DType dtype)
        where T : unmanaged
    {
        var fits = dtype switch
        {
            DType.Float32 => typeof(T) == typeof(float),
            DType.Float64 => typeof(T) == typeof(double),
            DType.Float16 => typeof(T) == typeof(Half),
            DType.BFloat16 => typeof(T) == typeof(ushort),
            DType.UInt8 => typeof(T) == typeof(byte),
            DType.Int32 => typeof(T) == typeof(int),
            DType.Int64 => typeof(T) == typeof(long),
            _ => false,
        };
        if (!fits)
            throw new ArgumentException($"elements are {typeof(T).Name} ({Unsafe.SizeOf<T>()} bytes), the tensor holds {dtype}.");
    }
}
