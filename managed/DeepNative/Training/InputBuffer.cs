using System.Runtime.InteropServices;

namespace DeepNative.Training;

/// <summary>
/// One input of a program. Where the device computes in host memory, during the call, it is memory that
/// the host fills directly; elsewhere it is device memory that batches are copied to.
/// </summary>
internal sealed class InputBuffer : IDisposable
{
    private readonly Array? _memory;

    public InputBuffer(Device device, DType dtype, Shape shape, bool shareMemory)
    {
        if (!shareMemory)
        {
            Tensor = new Tensor(device, dtype, shape);
            return;
        }

        var count = checked((int)shape.Count);
        switch (dtype)
        {
            case DType.UInt8: (Tensor, _memory) = Share<byte>(device, dtype, shape, count); break;
            case DType.Int32: (Tensor, _memory) = Share<int>(device, dtype, shape, count); break;
            case DType.Float32: (Tensor, _memory) = Share<float>(device, dtype, shape, count); break;
            default: throw new NotSupportedException($"examples are UInt8, Int32 or Float32, found {dtype}.");
        }
    }

    public Tensor Tensor { get; }

    /// <summary>The memory to fill before a run; empty unless shared.</summary>
    public Span<byte> Memory => _memory switch
    {
        byte[] bytes => bytes.AsSpan(),
        int[] numbers => MemoryMarshal.AsBytes(numbers.AsSpan()),
        float[] numbers => MemoryMarshal.AsBytes(numbers.AsSpan()),
        _ => default,
    };

    public void Dispose() => Tensor.Dispose();

    private static (Tensor Tensor, Array Memory) Share<T>(Device device, DType dtype, Shape shape, int count) where T : unmanaged
    {
        var memory = GC.AllocateArray<T>(count, pinned: true);
        return (Tensor.Wrap<T>(device, dtype, shape, memory), memory);
    }
}
