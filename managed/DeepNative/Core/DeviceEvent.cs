using DeepNative.Interop;

namespace DeepNative;

/// <summary>A mark in a device's order of work, to learn when the work before it has finished.</summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class DeviceEvent : IDisposable
{
    private readonly EventHandle _handle;

    /// <summary>An event that has never been recorded, and so has passed.</summary>
    /// <param name="device">The device whose work it marks.</param>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    public DeviceEvent(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _handle = Native.EventCreate(device.Handle);
    }

    /// <summary>Whether the work before the last record has finished; never blocks.</summary>
    /// <exception cref="DeepNativeException">Some of it failed.</exception>
    /// <exception cref="ObjectDisposedException">The event is disposed.</exception>
    public bool IsDone => Native.EventQuery(Live) != 0;

    private EventHandle Live
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
            return _handle;
        }
    }

    /// <summary>Marks the end of the work given so far. May be called again and again.</summary>
    /// <exception cref="ObjectDisposedException">The event is disposed.</exception>
    public void Record() => Native.EventRecord(Live);

    /// <summary>Blocks until the work before the last record has finished; returns at once when there was none.</summary>
    /// <exception cref="DeepNativeException">Some of it failed.</exception>
    /// <exception cref="ObjectDisposedException">The event is disposed.</exception>
    public void Wait() => Native.EventWait(Live);

    /// <summary>Frees the event.</summary>
    public void Dispose() => _handle.Dispose();
}
