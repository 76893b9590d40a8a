using System.Runtime.Intrinsics.X86;
using DeepNative.Cli.Output;

namespace DeepNative.Cli.Commands;

/// <summary>The names of what can be computed in.</summary>
internal static class Precisions
{
    /// <summary>32-bit floating point throughout.</summary>
    public const string Float32 = "f32";

    /// <summary>bfloat16 where a device has kernels for it.</summary>
    public const string BFloat16 = "bf16";

    /// <summary>float16 where a device has kernels for it, with a scaled loss.</summary>
    public const string Float16 = "f16";

    /// <summary>All names.</summary>
    public static string[] Names { get; } = [Float32, BFloat16, Float16];

    /// <summary>What a name stands for, with a line where it is slow on the device.</summary>
    /// <param name="name">A name; null: f32.</param>
    /// <param name="device">What computes.</param>
    /// <param name="terminal">Receives the line.</param>
    /// <returns>The precision.</returns>
    /// <exception cref="UsageException">It is none of them.</exception>
    public static Precision Of(string? name, Device device, Terminal terminal)
    {
        var precision = name switch
        {
            null or Float32 => Precision.Float32,
            BFloat16 => Precision.BFloat16,
            Float16 => Precision.Float16,
            _ => throw new UsageException($"'{name}' is no precision; known are {string.Join(", ", Names)}"),
        };
        var isCpu = device.Info.Name == "cpu";
        if (isCpu && precision == Precision.Float16)
            terminal.Line("f16: this processor multiplies f32, between conversions; f32 and bf16 are faster");
        if (isCpu && precision == Precision.BFloat16 && !MultipliesBFloat16)
            terminal.Line("bf16: this processor has no AVX512_BF16; f32 is faster");
        return precision;
    }

    // CPUID leaf 7, subleaf 1, bit 5 of EAX; the runtime has no name for it.
    private static bool MultipliesBFloat16 =>
        X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 1).Eax & 1 << 5) != 0;
}
