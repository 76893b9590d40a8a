namespace DeepNative.Training;

/// <summary>What a call of Fit did.</summary>
/// <param name="Loss">Mean loss of the last epoch's examples, as far as it got; NaN when no step was done.</param>
/// <param name="Epochs">Whole epochs of the run that are done.</param>
/// <param name="Steps">Steps that this call did.</param>
/// <param name="Seconds">The whole time, compiling and validation included.</param>
/// <param name="ImagesPerSecond">
/// Examples trained per second, without the first step, validation and checkpoints; NaN for fewer than two steps.
/// </param>
/// <param name="FirstStepSeconds">From the call until the first step was done: set-up, compiling, one step.</param>
/// <param name="Completed">False when it was cancelled.</param>
/// <param name="Validation">The last evaluation of the validation set, or null.</param>
public sealed record FitResult(
    double Loss, int Epochs, long Steps, double Seconds, double ImagesPerSecond, double FirstStepSeconds, bool Completed,
    EvaluationResult? Validation)
{
    /// <summary>Whether the training set lay on the device; else it was fed from the host, batch by batch.</summary>
    public bool DataOnDevice { get; init; }

    /// <summary>The best epoch by <see cref="FitOptions.Selection"/>, from 1; 0: epochs were not compared.</summary>
    public int BestEpoch { get; init; }

    /// <summary>Whether the run ended before all epochs were done because none was better for long.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Time that steps waited for their examples.</summary>
    public double DataSeconds { get; init; }
}
