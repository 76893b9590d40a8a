using DeepNative.Data;

namespace DeepNative.Training;

/// <summary>What one call of Fit does.</summary>
public sealed record FitOptions
{
    /// <summary>
    /// Passes over the data, at least 1; counted from the beginning of the run, also when it is resumed.
    /// </summary>
    public required int Epochs { get; init; }

    /// <summary>Examples in a step, at least 1; the last step of an epoch takes what is left.</summary>
    public required int Batch { get; init; }

    /// <summary>Whether every epoch has its own random order; else the order of the data.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Told at the end of every epoch, and inside epochs at most every <see cref="TrainerOptions.ProgressInterval"/>.</summary>
    public IProgress<TrainingProgress>? Progress { get; init; }

    /// <summary>
    /// Whether the training set is evaluated at the end of every epoch as well: what the net has learned of it, without
    /// augmentation and dropout. Takes the time of a forward pass over it.
    /// </summary>
    public bool MeasuresTraining { get; init; }

    /// <summary>Told what happens, in this order.</summary>
    public IReadOnlyList<ITrainingObserver> Observers { get; init; } = [];

    /// <summary>Steps between two calls of <see cref="ITrainingObserver.OnStep"/>; 0: none.</summary>
    public int StepInterval { get; init; }

    /// <summary>When the run's state is written; null: never.</summary>
    public CheckpointOptions? Checkpoint { get; init; }

    /// <summary>Evaluated at the end of every epoch; null: nothing is.</summary>
    public IExampleSource? Validation { get; init; }

    /// <summary>How <see cref="Validation"/> ends the run and chooses its weights; null: the last epoch's, after all epochs.</summary>
    public ModelSelection? Selection { get; init; }
}
