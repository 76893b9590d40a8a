namespace DeepNative;

/// <summary>What a device is, and whether it can be used.</summary>
public sealed record DeviceInfo
{
    /// <summary>What <see cref="Device.Open"/> takes: "cpu", "cuda:0".</summary>
    public required string Name { get; init; }

    /// <summary>The processor's own name.</summary>
    public required string Description { get; init; }

    /// <summary>Instruction set and library versions, or why the device cannot be used.</summary>
    public required string Detail { get; init; }

    /// <summary>Whether <see cref="Device.Open"/> can succeed.</summary>
    public required bool IsAvailable { get; init; }

    /// <summary>Host threads that the device computes with; 0 on a GPU.</summary>
    public required int ThreadCount { get; init; }

    /// <summary>All memory of the device.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Computes in bfloat16 faster than in float32.</summary>
    public required bool HasBFloat16 { get; init; }

    /// <summary>Computes in float16 faster than in float32.</summary>
    public required bool HasFloat16 { get; init; }

    /// <summary>Work runs beside the host; without it every call has finished when it returns.</summary>
    public required bool IsAsynchronous { get; init; }

    /// <summary>Tensors live in host memory.</summary>
    public required bool UsesHostMemory { get; init; }

    /// <summary>Executes a GPU's kernels on the CPU, for tests: correct, and slow.</summary>
    public required bool IsSimulated { get; init; }

    internal static DeviceInfo From(Interop.DeviceInfo info) => new()
    {
        Name = info.Name.ToString(),
        Description = info.Description.ToString(),
        Detail = info.Detail.ToString(),
        IsAvailable = info.Available != 0,
        ThreadCount = info.ThreadCount,
        MemoryBytes = info.MemoryBytes,
        HasBFloat16 = info.Capabilities.HasFlag(Interop.Capability.BFloat16),
        HasFloat16 = info.Capabilities.HasFlag(Interop.Capability.Float16),
        IsAsynchronous = info.Capabilities.HasFlag(Interop.Capability.Async),
        UsesHostMemory = info.Capabilities.HasFlag(Interop.Capability.HostMemory),
        IsSimulated = info.Capabilities.HasFlag(Interop.Capability.Simulated),
    };
}
