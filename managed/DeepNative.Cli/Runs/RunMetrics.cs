namespace DeepNative.Cli.Runs;

/// <summary>metrics.json: how a run went, epoch by epoch, and how it ended.</summary>
internal sealed record RunMetrics
{
    /// <summary>One entry for each whole epoch.</summary>
    public required IReadOnlyList<EpochMetrics> Epochs { get; init; }

    /// <summary>Whether all epochs are done.</summary>
    public bool Completed { get; init; }

    /// <summary>Mean loss of the last epoch's examples.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>Mean loss on the test set, after the last epoch.</summary>
    public double? TestLoss { get; init; }

    /// <summary>The fraction of wrong predictions on the test set, after the last epoch.</summary>
    public double? TestError { get; init; }

    /// <summary>The fraction of the test set whose class is not among the five likeliest.</summary>
    public double? TestTop5Error { get; init; }

    /// <summary>The mean intersection over union on the test set, of maps of classes.</summary>
    public double? TestMeanIou { get; init; }

    /// <summary>The fraction of each class that was found on the test set; null where it does not occur.</summary>
    public IReadOnlyList<double?>? TestRecall { get; init; }

    /// <summary>Of maps of classes: each class's intersection over union on the test set; null where it does not occur.</summary>
    public IReadOnlyList<double?>? TestIou { get; init; }

    /// <summary>Counts of the test set, [true class][predicted class]; left out for more than 100 classes.</summary>
    public IReadOnlyList<IReadOnlyList<long>>? TestConfusion { get; init; }

    /// <summary>The epoch whose weights were best on the validation set; null where epochs were not compared.</summary>
    public int? BestEpoch { get; init; }

    /// <summary>Whether the run ended early, no epoch having been better for long.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Training time, all calls that made up the run.</summary>
    public double Seconds { get; init; }

    /// <summary>Examples trained per second, in the last call.</summary>
    public double? ImagesPerSecond { get; init; }
}

/// <summary>One epoch.</summary>
/// <param name="Epoch">Its number, from 1.</param>
/// <param name="TrainLoss">Mean loss of its examples.</param>
/// <param name="LearningRate">The rate of its last step.</param>
/// <param name="ImagesPerSecond">Examples trained per second, since the call began.</param>
/// <param name="Seconds">When it ended, in seconds of training since the run began.</param>
/// <param name="TestLoss">Mean loss on the test set, where it was evaluated.</param>
/// <param name="TestError">The fraction of wrong predictions on the test set, where it was evaluated.</param>
internal sealed record EpochMetrics(
    int Epoch, double? TrainLoss, float LearningRate, double? ImagesPerSecond, double Seconds, double? TestLoss, double? TestError)
{
    /// <summary>Mean loss on the part of the training set that was held out.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>The fraction of wrong predictions on the part that was held out.</summary>
    public double? ValidationError { get; init; }

    /// <summary>The fraction of what was measured whose class is not among the five likeliest.</summary>
    public double? Top5Error { get; init; }

    /// <summary>The mean intersection over union of what was measured.</summary>
    public double? MeanIou { get; init; }
}
