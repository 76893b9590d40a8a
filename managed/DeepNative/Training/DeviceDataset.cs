using DeepNative.Data;

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
            if (source.WeightShape is { } weight) Weights = new Tensor(device, DType.Float32, new Shape(Count).Concat(weight));
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

    /// <summary>(Count, ...), Float32; null: the targets have no weights.</summary>
    public Tensor? Weights { get; }

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
        (Int128)source.Count * (source.InputShape.Count * source.InputType.Size() + source.TargetShape.Count * source.TargetType.Size()
            + (source.WeightShape?.Count ?? 0) * sizeof(float));

    public void Dispose()
    {
        Inputs.Dispose();
        // Null when the constructor failed.
        Targets?.Dispose();
        Weights?.Dispose();
        _training?.Dispose();
        _evaluation?.Dispose();
    }

    private void Upload(IExampleSource source)
    {
        int[] order = source is IContiguousExamples && Weights is null ? [] : [.. Enumerable.Range(0, Count)];
        if (Weights is not null)
        {
            var weights = new float[Weights.Shape.Count];
            source.GatherWeights(order, weights);
            Weights.Write<float>(weights);
        }

        if (source is IContiguousExamples all)
        {
            Inputs.WriteBytes(all.Inputs);
            Targets.WriteBytes(all.Targets);
            return;
        }

        var (inputs, targets) = (new byte[Inputs.Bytes], new byte[Targets.Bytes]);
        source.Gather(order, inputs, targets);
        Inputs.WriteBytes(inputs);
        Targets.WriteBytes(targets);
    }
}
