using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>What a trainer may be told beyond model, loss and optimiser.</summary>
public sealed record TrainerOptions
{
    /// <summary>How the learning rate changes over a run; constant by default.</summary>
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Constant;

    /// <summary>How raw inputs become the model's; null: by the statistics of the first training set.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>Written into files, so that a reader can build the model again; the registry's name or any.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>
    /// Gathers batches on a background thread also where the device computes with the host's own threads,
    /// which then share the machine with it. Devices that work beside the host always do.
    /// </summary>
    public bool Prefetch { get; init; }

    /// <summary>
    /// Whether data sets are copied to the device once, so that a step needs nothing from the host. Null:
    /// where the device has its own memory and a data set takes at most a quarter of what is free. True:
    /// always. Data sets of 2 GiB and more are never. The results are the same to the bit.
    /// </summary>
    public bool? KeepDataOnDevice { get; init; }

    /// <summary>The least time between two progress reports inside an epoch.</summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How programs are compiled; null: the defaults.</summary>
    public CompileOptions? Compile { get; init; }
}
