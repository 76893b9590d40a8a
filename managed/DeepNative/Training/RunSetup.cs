using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>What a run works with.</summary>
internal sealed record RunSetup
{
    public required Device Device { get; init; }

    public required Layer Model { get; init; }

    public required IExampleSource Data { get; init; }

    /// <summary>The data sets that lie on the device.</summary>
    public required DeviceDatasets Resident { get; init; }

    public required FitOptions Options { get; init; }

    public required Optimizer Optimizer { get; init; }

    public required StepUpdate Update { get; init; }

    /// <summary>Told the norm of every step's gradients; null: nobody is.</summary>
    public required Action<long, float>? GradientNorm { get; init; }

    public required LearningRateSchedule Schedule { get; init; }

    public required ModelPrograms Programs { get; init; }

    public required ulong Seed { get; init; }

    public required FeedOptions Feed { get; init; }

    public required TimeSpan ProgressInterval { get; init; }

    /// <summary>Writes a checkpoint; returns the tensor that holds a number that is not finite, or null.</summary>
    public required Func<string, string?> Save { get; init; }

    /// <summary>Writes the weights that validation measures; returns as <see cref="Save"/>.</summary>
    public required Func<string, string?> SaveWeights { get; init; }

    /// <summary>Copies the weights that validation measures.</summary>
    public required Func<Dictionary<string, byte[]>> CopyWeights { get; init; }

    /// <summary>Gives the model the weights of the best epoch.</summary>
    public required Action<BestEpoch, string?> Restore { get; init; }
}
