using System.Diagnostics.CodeAnalysis;

namespace DeepNative;

/// <summary>The type of a tensor's elements. The values are those of the engine's interface.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "Here the type names are the meaning.")]
public enum DType
{
    /// <summary>IEEE 754 binary32; what operators compute in.</summary>
    Float32 = 1,

    /// <summary>IEEE 754 binary64.</summary>
    Float64 = 2,

    /// <summary>IEEE 754 binary16.</summary>
    Float16 = 3,

    /// <summary>The upper half of binary32: 8 bits of exponent, 7 of fraction.</summary>
    BFloat16 = 4,

    /// <summary>Unsigned, 0 to 255: image bytes, winning taps of a pooling window.</summary>
    UInt8 = 5,

    /// <summary>Signed, 32 bits: class indices.</summary>
    Int32 = 6,

    /// <summary>Signed, 64 bits: step counts, random states.</summary>
    Int64 = 7,
}
