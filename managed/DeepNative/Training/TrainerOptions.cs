using DeepNative.Data;
using DeepNative.Models;
using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>What a trainer may be told beyond model, loss and optimiser.</summary>
public sealed record TrainerOptions
{
    /// <summary>How the learning rate changes over a run; constant by default.</summary>
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Constant;

    /// <summary>How gradients are bounded, before the optimiser adds weight decay; null: not at all.</summary>
    public GradientClipping? Clipping { get; init; }

    /// <summary>
    /// Told the Euclidean norm of all gradients together, before clipping, for every step of a run: the step, counted
    /// from 1, and the norm. Called by the training thread, in order, some steps later.
    /// </summary>
    public Action<long, float>? GradientNorm { get; init; }

    /// <summary>
    /// Batches whose gradients make one step, at least 1. Their mean over examples is used, so that a step is that of
    /// one batch of all examples, but for layers that look at a whole batch (batch norm) or draw random numbers
    /// (dropout). An epoch ends with a step of what is left. Runs stop between steps only.
    /// </summary>
    public int AccumulationSteps { get; init; } = 1;

    /// <summary>
    /// The moving average of the weights that is kept beside them, and then used by evaluation, prediction and
    /// <see cref="Trainer.Save"/> (see <see cref="Trainer.UseAverage"/>); null: none.
    /// </summary>
    public ExponentialAverage? Averaging { get; init; }

    /// <summary>Penalties on parameters, added to the loss that is made small.</summary>
    public IReadOnlyList<Regularizer> Regularizers { get; init; } = [];

    /// <summary>What evaluation reports beside loss, error and what follows from classes.</summary>
    public IReadOnlyList<Metric> Metrics { get; init; } = [];

    /// <summary>How raw inputs become the model's; null: by the statistics of the first training set.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>
    /// How training pictures vary: bytes, (C, H, W) of 1 to 4 channels, with class indices or with masks, (H, W), which take
    /// part in what moves pixels, with weights of their shape (to 1 / 65535 of the largest, 0 outside); outside of masks is
    /// the loss's <see cref="Losses.Loss.IgnoreIndex"/>, or class 0. Done on the device; its random state is a part of checkpoints. Evaluation and prediction see whole pictures as they are.
    /// Mixup takes any inputs. Random resized crops are the data's affair. Null: not at all.
    /// </summary>
    public Augmentation? Augmentation { get; init; }

    /// <summary>Written into files, so that a reader can build the model again; the registry's name or any.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>What the registered model was made for, also written into files; null: its usual data.</summary>
    public ModelOptions? ModelOptions { get; init; }

    /// <summary>The name of the data set, also written into files.</summary>
    public string DataName { get; init; } = "";

    /// <summary>The names of the classes, in the order of the outputs, also written into files; none: not known.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>
    /// Gathers batches on a background thread also where the device computes with the host's own threads,
    /// which then share the machine with it. Devices that work beside the host always do.
    /// </summary>
    public bool Prefetch { get; init; }

    /// <summary>
    /// Threads that make examples which take work (<see cref="IRandomExampleSource"/>), ahead of the steps; 0: one for each
    /// core, beside the CPU device, which uses all cores itself, for every other one. The results are the same to the bit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public int Workers
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(Workers));
            field = value;
        }
    }

    /// <summary>
    /// Whether data sets are copied to the device once, so that a step needs nothing from the host. Null:
    /// where the device has its own memory and a data set takes at most a quarter of what is free. True:
    /// always. Data sets of 2 GiB and more, and those that are drawn anew each epoch, are never. The results are the same to the bit.
    /// </summary>
    public bool? KeepDataOnDevice { get; init; }

    /// <summary>The least time between two progress reports inside an epoch.</summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>What the model computes in, in training, evaluation and prediction; float32 by default.</summary>
    public Precision Precision { get; init; }

    /// <summary>How the loss is scaled before gradients are taken; null: dynamically with <see cref="Precision.Float16"/>, else not at all.</summary>
    public LossScaling? LossScaling { get; init; }

    /// <summary>How programs are compiled; null: the defaults.</summary>
    public CompileOptions? Compile { get; init; }

    /// <summary>How programs are compiled, with the precision.</summary>
    internal CompileOptions? CompileOptions =>
        Precision == Precision.Float32 ? Compile : (Compile ?? DeepNative.CompileOptions.Default) with { Precision = Precision };
}
