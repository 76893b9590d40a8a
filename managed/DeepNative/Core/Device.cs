using DeepNative.Interop;

namespace DeepNative;

/// <summary>
/// A processor that computes: the CPU or a GPU. Opening one twice gives two independent devices; tensors
/// and programs belong to the one that made them.
/// </summary>
/// <remarks>
/// Safe to use from several threads. Tensors and programs may outlive their device object: the engine
/// keeps the device until the last of them is gone.
/// </remarks>
public sealed class Device : IDisposable
{
    private Device(DeviceHandle handle)
    {
        Handle = handle;
        Info = DeviceInfo.From(Native.DeviceGetInfo(handle));
    }

    /// <summary>What it is.</summary>
    public DeviceInfo Info { get; }

    /// <summary>What its memory is used for now.</summary>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    public MemoryInfo Memory
    {
        get
        {
            var info = Native.DeviceGetMemory(Live);
            return new MemoryInfo(info.UsedBytes, info.PeakBytes, info.AvailableBytes, info.AllocationCount, info.LiveCount);
        }
    }

    internal DeviceHandle Handle { get; }

    private DeviceHandle Live
    {
        get
        {
            ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
            return Handle;
        }
    }

    /// <summary>Opens the fastest device of this machine: a GPU where there is one, else the CPU.</summary>
    /// <param name="threads">Host threads to compute with; 0: all that the process may use.</param>
    /// <returns>The device.</returns>
    /// <exception cref="DeepNativeException">No device is available.</exception>
    public static Device Best(int threads = 0)
    {
        DeviceInfo? best = null;
        foreach (var info in List())
        {
            // Only an accelerator works beside the host.
            if (!info.IsAvailable || info.IsSimulated) continue;
            if (best is null || (info.IsAsynchronous && !best.IsAsynchronous)) best = info;
        }

        return Open(best?.Name ?? "cpu", threads);
    }

    /// <summary>Opens a device by name.</summary>
    /// <param name="name">"cpu", "cuda:0": a name that <see cref="List"/> gives.</param>
    /// <param name="threads">Host threads to compute with; 0: all that the process may use.</param>
    /// <returns>The device.</returns>
    /// <exception cref="DeepNativeException">
    /// There is no such device (the text lists the known ones), or it cannot be used (the text says why).
    /// </exception>
    public static Device Open(string name, int threads = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        return new Device(Native.DeviceOpen(name, new DeviceOptions { ThreadCount = threads }));
    }

    /// <summary>The devices known on this machine, usable or not.</summary>
    /// <returns>One entry for each.</returns>
    public static IReadOnlyList<DeviceInfo> List()
    {
        var devices = new DeviceInfo[Native.DeviceCount()];
        for (var i = 0; i < devices.Length; i++) devices[i] = DeviceInfo.From(Native.DeviceDescribe(i));
        return devices;
    }

    /// <summary>Blocks until all work given to the device has finished.</summary>
    /// <exception cref="DeepNativeException">Some of it failed.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    public void Synchronize() => Native.DeviceSynchronize(Live);

    /// <summary>Gives cached, unused memory back to the system.</summary>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    public void Trim() => Native.DeviceTrim(Live);

    /// <summary>Lets go of the device; it ends when its last tensor and program are gone.</summary>
    public void Dispose() => Handle.Dispose();

    /// <inheritdoc/>
    public override string ToString() => $"{Info.Name} ({Info.Description})";
}
