namespace DeepNative.Optimizers;

/// <summary>Where a run stands, as a learning-rate schedule sees it.</summary>
/// <param name="Step">Steps done in this run: 0 at the first one.</param>
/// <param name="StepsPerEpoch">Steps in one pass over the training set, at least 1.</param>
/// <param name="TotalSteps">Steps of the whole run, at least 1.</param>
public readonly record struct SchedulePosition(long Step, long StepsPerEpoch, long TotalSteps)
{
    /// <summary>What a schedule that waits for a plateau has come to: 1 until the first, then less.</summary>
    public double PlateauFactor { get; init; } = 1.0;

    /// <summary>Whole epochs done: 0 during the first.</summary>
    public long Epoch => Step / StepsPerEpoch;

    /// <summary>The part of the run that is done: 0 at the first step, 1 after the last.</summary>
    public double Progress => (double)Step / TotalSteps;
}
