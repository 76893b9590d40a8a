using DeepNative.Data;

namespace DeepNative.Training;

/// <summary>
/// The data sets that a trainer keeps on its device: uploaded at first use, freed with the trainer, or when
/// newer ones take their place.
/// </summary>
internal sealed class DeviceDatasets(Device device, bool? keep, Action<DeviceDataset> forget) : IDisposable
{
    // Training, validation and test.
    private const int Most = 3;

    // Kept without being asked to: what leaves most of the memory to the model.
    private const int LargestPart = 4;

    private readonly Dictionary<object, DeviceDataset> _kept = new(ReferenceEqualityComparer.Instance);
    private long _clock;

    /// <summary>The data set on the device; null where it is fed from the host instead.</summary>
    /// <exception cref="OutOfDeviceMemoryException">It was to be kept in any case, and there is no room.</exception>
    public DeviceDataset? Find(IExampleSource source)
    {
        var key = source is IContiguousExamples all ? all.Owner : source;
        if (!_kept.TryGetValue(key, out var data))
        {
            if (!IsWanted(source)) return null;
            MakeRoom();
            try
            {
                data = new DeviceDataset(device, source);
            }
            catch (OutOfDeviceMemoryException) when (keep is null)
            {
                return null;
            }

            _kept.Add(key, data);
        }

        data.LastUse = ++_clock;
        return data;
    }

    public void Dispose()
    {
        foreach (var data in _kept.Values) data.Dispose();
        _kept.Clear();
    }

    private bool IsWanted(IExampleSource source)
    {
        if (source is IRandomExampleSource) return false;
        var bytes = DeviceDataset.BytesOf(source);
        if (keep is false || bytes > Array.MaxLength) return false;
        return keep is true || (!device.Info.UsesHostMemory && bytes <= device.Memory.AvailableBytes / LargestPart);
    }

    private void MakeRoom()
    {
        if (_kept.Count < Most) return;
        object? oldest = null;
        foreach (var (key, data) in _kept)
        {
            if (data.Readers == 0 && (oldest is null || data.LastUse < _kept[oldest].LastUse)) oldest = key;
        }

        if (oldest is null || !_kept.Remove(oldest, out var dropped)) return;
        forget(dropped);
        dropped.Dispose();
    }
}
