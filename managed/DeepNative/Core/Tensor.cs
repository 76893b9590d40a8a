using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepNative.Interop;

namespace DeepNative;

/// <summary>
/// Memory of a device that keeps its content between runs: a parameter, a state, an input, a result. Data
/// crosses to and from the host row-major; how it lies on the device is the device's affair.
/// </summary>
/// <remarks>
/// Not thread-safe. Host element types: float for Float32, double for Float64, Half for Float16, ushort
/// (the bits) for BFloat16, byte, int, long. After Dispose the memory stays as long as a program binds it.
/// </remarks>
public sealed class Tensor : IDisposable
{
    private readonly TensorHandle _handle;

    /// <summary>A tensor filled with zeros.</summary>
    /// <param name="device">Where it lives.</param>
    /// <param name="dtype">The type of its elements.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <exception cref="OutOfDeviceMemoryException">The device has no room; says what was asked and what is free.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    public Tensor(Device device, DType dtype, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(device);
        Device = device;
        DType = dtype;
        Shape = shape;
        Bytes = checked(shape.Count * dtype.Size());
        Span<long> extents = stackalloc long[Shape.MaxRank];
        shape.CopyTo(extents);
        ObjectDisposedException.ThrowIf(device.Handle.IsClosed, device);
        _handle = Native.TensorCreate(device.Handle, (Interop.DType)dtype, extents[..shape.Rank]);
    }

    private Tensor(Device device, DType dtype, Shape shape, long bytes, TensorHandle handle, PinnedMemory memory)
    {
        Device = device;
        DType = dtype;
        Shape = shape;
        Bytes = bytes;
        Pinned = memory;
        _handle = handle;
    }

    /// <summary>The device that holds it.</summary>
    public Device Device { get; }

    /// <summary>The type of its elements.</summary>
    public DType DType { get; }

    /// <summary>Its dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>What a transfer moves: elements times their size.</summary>
    public long Bytes { get; }

    /// <summary>What it takes on the device, the padding of the layout included.</summary>
    /// <exception cref="ObjectDisposedException">The tensor is disposed.</exception>
    public long PhysicalBytes => Native.TensorGetInfo(Handle).PhysicalBytes;

    /// <summary>How the device has laid it out: "row-major", "OIhw16i16o", ...</summary>
    /// <exception cref="ObjectDisposedException">The tensor is disposed.</exception>
    public string Layout => Native.TensorGetInfo(Handle).Layout.ToString();

    internal TensorHandle Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
            return _handle;
        }
    }

    // A program that binds the tensor holds this too; calls into the engine keep it alive until they return.
    internal PinnedMemory? Pinned { get; }

    /// <summary>A tensor over host memory that the caller owns, without a copy; it is pinned while in use.</summary>
    /// <typeparam name="T">The host type of the elements.</typeparam>
    /// <param name="device">A device whose tensors live in host memory.</param>
    /// <param name="dtype">The type of its elements.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="memory">Exactly as many elements as the shape has, row-major.</param>
    /// <returns>The tensor; reads and writes of either side see the same numbers.</returns>
    /// <exception cref="ArgumentException">Wrong element type or number of elements.</exception>
    /// <exception cref="DeepNativeException">The device's tensors do not live in host memory.</exception>
    public static unsafe Tensor Wrap<T>(Device device, DType dtype, Shape shape, Memory<T> memory)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(device);
        dtype.CheckElement<T>();
        CheckLength(shape, memory.Length);
        if (!device.Info.UsesHostMemory)
            throw new DeepNativeException(Status.Unsupported, $"device '{device.Info.Name}' cannot use host memory: its tensors live in its own.");
        var pinned = new PinnedMemory(memory.Pin());
        var bytes = shape.Count * dtype.Size();
        Span<long> extents = stackalloc long[Shape.MaxRank];
        shape.CopyTo(extents);
        ObjectDisposedException.ThrowIf(device.Handle.IsClosed, device);
        var handle = Native.TensorWrap(device.Handle, (Interop.DType)dtype, extents[..shape.Rank], (void*)pinned.Pointer, bytes);
        return new Tensor(device, dtype, shape, bytes, handle, pinned);
    }

    /// <summary>Copies numbers from the host, after all earlier work of the device.</summary>
    /// <typeparam name="T">The host type of the elements.</typeparam>
    /// <param name="data">As many elements as the tensor has, row-major.</param>
    /// <exception cref="ArgumentException">Wrong element type or number of elements.</exception>
    /// <exception cref="ObjectDisposedException">The tensor is disposed.</exception>
    public void Write<T>(ReadOnlySpan<T> data)
        where T : unmanaged
    {
        DType.CheckElement<T>();
        CheckLength(Shape, data.Length);
        Native.TensorWrite(Handle, MemoryMarshal.AsBytes(data));
        GC.KeepAlive(Pinned);
    }

    /// <summary>Copies the numbers to the host, after all earlier work of the device.</summary>
    /// <typeparam name="T">The host type of the elements.</typeparam>
    /// <param name="data">As many elements as the tensor has, row-major.</param>
    /// <exception cref="ArgumentException">Wrong element type or number of elements.</exception>
    /// <exception cref="ObjectDisposedException">The tensor is disposed.</exception>
    public void Read<T>(Span<T> data)
        where T : unmanaged
    {
        DType.CheckElement<T>();
        CheckLength(Shape, data.Length);
        Native.TensorRead(Handle, MemoryMarshal.AsBytes(data));
        GC.KeepAlive(Pinned);
    }

    /// <summary>The numbers as a new array, row-major.</summary>
    /// <typeparam name="T">The host type of the elements.</typeparam>
    /// <returns>As many elements as the tensor has.</returns>
    /// <exception cref="ArgumentException">Wrong element type.</exception>
    /// <exception cref="ObjectDisposedException">The tensor is disposed.</exception>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        var data = new T[Shape.Count];
        Read(data.AsSpan());
        return data;
    }

    /// <summary>Sets all elements to 0, in the device's order of work.</summary>
    /// <exception cref="ObjectDisposedException">The tensor is disposed.</exception>
    public void Zero()
    {
        Native.TensorZero(Handle);
        GC.KeepAlive(Pinned);
    }

    /// <summary>Copies another tensor of the same device, shape and data type, in the device's order of work.</summary>
    /// <param name="source">The tensor to copy.</param>
    /// <exception cref="ShapeException">Shape or data type differ.</exception>
    /// <exception cref="ObjectDisposedException">One of the tensors is disposed.</exception>
    public void CopyFrom(Tensor source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Shape != Shape || source.DType != DType)
        {
            throw new ShapeException(
                $"copy: the source is {source.DType} {source.Shape}, expected {DType} {Shape}",
                "", $"{DType} {Shape}", $"{source.DType} {source.Shape}");
        }

        Native.TensorCopy(Handle, source.Handle);
        GC.KeepAlive(Pinned);
        GC.KeepAlive(source.Pinned);
    }

    /// <summary>Frees the tensor, or leaves that to the last program that binds it.</summary>
    public void Dispose() => _handle.Dispose();

    /// <inheritdoc/>
    public override string ToString() => $"{DType} {Shape} on {Device.Info.Name}";

    /// <summary>
    /// Copies from the host in the device's order of work, without waiting. The array was allocated pinned
    /// and stays untouched until an event recorded afterwards has passed.
    /// </summary>
    internal unsafe void WriteAsync<T>(T[] pinned)
        where T : unmanaged
    {
        DType.CheckElement<T>();
        CheckLength(Shape, pinned.Length);
        Native.TensorWriteAsync(Handle, Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned)), Bytes);
    }

    /// <summary><see cref="WriteAsync{T}(T[])"/> from memory that does not move, Bytes long.</summary>
    internal unsafe void WriteAsync(nint data) => Native.TensorWriteAsync(Handle, (void*)data, Bytes);

    /// <summary>
    /// Copies to the host in the device's order of work, without waiting. The array was allocated pinned
    /// and holds the numbers when an event recorded afterwards has passed.
    /// </summary>
    internal unsafe void ReadAsync<T>(T[] pinned)
        where T : unmanaged
    {
        DType.CheckElement<T>();
        CheckLength(Shape, pinned.Length);
        Native.TensorReadAsync(Handle, Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned)), Bytes);
    }

    /// <summary><see cref="ReadAsync{T}(T[])"/> to memory that does not move, Bytes long.</summary>
    internal unsafe void ReadAsync(nint data) => Native.TensorReadAsync(Handle, (void*)data, Bytes);

    /// <summary>Copies from the host, whatever the elements are.</summary>
    internal void WriteBytes(ReadOnlySpan<byte> data) => Native.TensorWrite(Handle, data);

    private static void CheckLength(Shape shape, int length)
    {
        if (shape.Count != length)
            throw new ArgumentException($"there are {length} elements, a tensor of shape {shape} has {shape.Count}.");
    }
}
