using DeepNative.Data;

namespace DeepNative.Training;

/// <summary>
/// The order in which a program goes through a data set on the device, and how far it has come. Programs
/// move the position on by themselves; the host writes only when an epoch begins.
/// </summary>
internal sealed class DeviceCursor : IDisposable
{
    private readonly long[] _position = GC.AllocateArray<long>(1, pinned: true);
    private readonly DeviceEvent _copied;
    private int[] _order;

    // Of the epoch that comes next, shuffled while the device works on this one.
    private int[] _nextOrder;
    private (Philox? Random, int Epoch) _next;
    private Task? _shuffling;

    public DeviceCursor(Device device, int count)
    {
        _order = GC.AllocateUninitializedArray<int>(count, pinned: true);
        _nextOrder = GC.AllocateUninitializedArray<int>(count, pinned: true);
        _copied = new DeviceEvent(device);
        Order = new Tensor(device, DType.Int32, new Shape(count));
        Position = new Tensor(device, DType.Int64, Shape.Scalar);
    }

    /// <summary>(Count), Int32: the examples in the order of the epoch.</summary>
    public Tensor Order { get; }

    /// <summary>(), Int64: examples of the order that were read.</summary>
    public Tensor Position { get; }

    /// <summary>Begins an epoch at an example of its order, behind the work given to the device before.</summary>
    /// <param name="random">Decides the order; null: the data's own. Not used otherwise until the cursor is stopped.</param>
    /// <param name="epoch">Which of the random orders.</param>
    /// <param name="first">The example to begin with.</param>
    public void Start(Philox? random, int epoch, long first)
    {
        // The device may still be copying the order of the epoch before.
        _copied.Wait();
        Stop();
        if (random is not null && _next == (random, epoch)) (_order, _nextOrder) = (_nextOrder, _order);
        else DataLoader.Order(_order, random, epoch);
        _position[0] = first;
        Order.WriteAsync(_order);
        Position.WriteAsync(_position);
        _copied.Record();
        if (random is null) return;
        _next = (random, epoch + 1);
        _shuffling = Task.Run(() => DataLoader.Order(_nextOrder, random, epoch + 1));
    }

    /// <summary>Ends what runs in the background.</summary>
    public void Stop()
    {
        _shuffling?.Wait();
        _shuffling = null;
    }

    public void Dispose()
    {
        Stop();
        // The arrays must outlive the copies out of them.
        _copied.EndQuietly();
        Order.Dispose();
        Position.Dispose();
    }
}
