namespace DeepNative.Training;

/// <summary>A whole data set in device memory, with the places where training and evaluation read it.</summary>
internal sealed class DeviceDataset : IDisposable
{
    private readonly Device _device;
    private DeviceCursor? _training;
    private DeviceCursor? _evaluation;

    /// <summary>Copies the examples to the device and waits until they are there.</summary>
    /// <exception cref="OutOfDeviceMemoryException">There is no room.</exception>
    public DeviceDataset(Device device, IExampleSource source)
    {
        _device = device;
        Count = source.Count;
        Inputs = new Tensor(device, source.InputType, new Shape(Count).Concat(source.InputShape));
        try
        {
            Targets = new Tensor(device, source.TargetType, new Shape(Count).Concat(source.TargetShape));
            Upload(source);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The number of examples.</summary>
    public int Count { get; }

    /// <summary>(Count, ...).</summary>
    public Tensor Inputs { get; }

    /// <summary>(Count, ...).</summary>
    public Tensor Targets { get; }

    /// <summary>Runs under way that read it.</summary>
    public int Readers { get; set; }

    /// <summary>When it was last asked for, on the owner's clock.</summary>
    public long LastUse { get; set; }

    /// <summary>What training reads next; its order changes from epoch to epoch.</summary>
    public DeviceCursor Training => _training ??= new DeviceCursor(_device, Count);

    /// <summary>What evaluation reads next, in the data's own order; training is not disturbed.</summary>
    public DeviceCursor Evaluation => _evaluation ??= new DeviceCursor(_device, Count);

    /// <summary>The memory that the examples of a source take.</summary>
    public static Int128 BytesOf(IExampleSource source) =>
        (Int128)source.Count * (source.InputShape.Count * source.InputType.Size() + source.TargetShape.Count * source.TargetType.Size());

    public void Dispose()
    {
        Inputs.Dispose();
        // Null when the constructor failed.
        Targets?.Dispose();
        _training?.Dispose();
        _evaluation?.Dispose();
    }

    private void Upload(IExampleSource source)
    {
        if (source is IContiguousExamples all)
        {
            Inputs.WriteBytes(all.Inputs);
            Targets.WriteBytes(all.Targets);
            return;
        }

        var (inputs, targets) = (new byte[Inputs.Bytes], new byte[Targets.Bytes]);
        var order = new int[Count];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        source.Gather(order, inputs, targets);
        Inputs.WriteBytes(inputs);
        Targets.WriteBytes(targets);
    }
}
