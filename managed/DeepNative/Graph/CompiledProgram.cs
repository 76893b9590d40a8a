using DeepNative.Interop;

namespace DeepNative;

/// <summary>
/// A graph compiled for a device, run as often as wanted. A run is one call into the engine and allocates
/// nothing.
/// </summary>
/// <remarks>
/// Not thread-safe: a second thread in <see cref="Run"/> gets a <see cref="DeepNativeException"/> with
/// <see cref="Status.Busy"/>. Several programs may bind the same tensors.
/// </remarks>
public sealed class CompiledProgram : IDisposable
{
    private readonly ProgramHandle _handle;

    // Memory under wrapped tensors; the engine itself keeps its own.
    private readonly PinnedMemory[] _pinned;

    private CompiledProgram(Device device, string name, ProgramHandle handle, PinnedMemory[] pinned)
    {
        Device = device;
        Name = name;
        _handle = handle;
        _pinned = pinned;
    }

    /// <summary>The device that runs it.</summary>
    public Device Device { get; }

    /// <summary>The graph's name.</summary>
    public string Name { get; }

    /// <summary>Whether further runs time every operator, which makes them slower.</summary>
    /// <exception cref="ObjectDisposedException">The program is disposed.</exception>
    public bool Profile
    {
        get;
        set
        {
            Native.ProgramProfile(Live, value ? 1 : 0);
            field = value;
        }
    }

    private ProgramHandle Live
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
            return _handle;
        }
    }

    /// <summary>Runs all operators once, in the device's order of work.</summary>
    /// <exception cref="DeepNativeException">An operator failed (it is named), or another thread is running the program.</exception>
    /// <exception cref="ObjectDisposedException">The program is disposed.</exception>
    public void Run()
    {
        Native.ProgramRun(Live);
        GC.KeepAlive(_pinned);
    }

    /// <summary>What was compiled, and the times of profiled runs.</summary>
    /// <returns>A snapshot.</returns>
    /// <exception cref="ObjectDisposedException">The program is disposed.</exception>
    public ProgramReport Report() => ProgramReport.Of(Live);

    /// <summary>Frees the program and its transient memory; bound tensors stay.</summary>
    public void Dispose() => _handle.Dispose();

    internal static CompiledProgram Create(Device device, string name, GraphPlan plan, CompileOptions options)
    {
        ObjectDisposedException.ThrowIf(device.Handle.IsClosed, device);
        var handle = Native.ProgramCreate(device.Handle, name);
        try
        {
            var writer = new ProgramWriter(device, handle, plan);
            writer.Write();
            Native.ProgramCompile(
                handle,
                new Interop.CompileOptions
                {
                    RaceMilliseconds = options.RaceMilliseconds,
                    AllowTf32 = options.AllowTf32 ? 1 : 0,
                });
            return new CompiledProgram(device, name, handle, [.. writer.Pinned]);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
