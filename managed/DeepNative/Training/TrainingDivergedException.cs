namespace DeepNative.Training;

/// <summary>Training produced a number that is not finite and was stopped.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>An exception for a loss.</summary>
    /// <param name="step">The step of the run, from 1.</param>
    /// <param name="loss">What its loss was.</param>
    /// <param name="checkpoint">The last good checkpoint, or null.</param>
    public TrainingDivergedException(long step, double loss, string? checkpoint)
        : base($"the loss of step {step} is {loss}; {Kept(checkpoint)}. A lower learning rate often helps.") =>
        (Step, Checkpoint) = (step, checkpoint);

    /// <summary>An exception for a tensor.</summary>
    /// <param name="step">Steps of the run that are done.</param>
    /// <param name="tensor">The tensor that holds the number.</param>
    /// <param name="checkpoint">The last good checkpoint, or null.</param>
    public TrainingDivergedException(long step, string tensor, string? checkpoint)
        : base($"after step {step} '{tensor}' holds a number that is not finite; {Kept(checkpoint)}.") =>
        (Step, Checkpoint) = (step, checkpoint);

    /// <summary>The step of the run, from 1.</summary>
    public long Step { get; }

    /// <summary>The last good checkpoint, written before; null when there is none.</summary>
    public string? Checkpoint { get; }

    private static string Kept(string? checkpoint) =>
        checkpoint is null ? "no checkpoint was written before" : $"the last good checkpoint is '{checkpoint}'";
}
