namespace DeepNative.Serialization;

/// <summary>Element types of a safetensors file that this library reads and writes.</summary>
public enum SafeTensorType
{
    /// <summary>One byte, 0 or 1 ("BOOL").</summary>
    Bool,

    /// <summary>Unsigned 8-bit integer ("U8").</summary>
    U8,

    /// <summary>IEEE half precision, 2 bytes ("F16").</summary>
    F16,

    /// <summary>The upper half of a float32, 2 bytes ("BF16").</summary>
    BF16,

    /// <summary>Signed 32-bit integer ("I32").</summary>
    I32,

    /// <summary>IEEE single precision, 4 bytes ("F32").</summary>
    F32,

    /// <summary>Signed 64-bit integer ("I64").</summary>
    I64,

    /// <summary>IEEE double precision, 8 bytes ("F64").</summary>
    F64,
}
