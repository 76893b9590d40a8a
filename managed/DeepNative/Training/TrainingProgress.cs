using System.Globalization;

namespace DeepNative.Training;

/// <summary>Where a run stands; a value, so that reporting allocates nothing.</summary>
/// <param name="Epoch">The current epoch, from 1.</param>
/// <param name="Epochs">Epochs of the run.</param>
/// <param name="StepInEpoch">Steps done in this epoch.</param>
/// <param name="StepsPerEpoch">Steps of an epoch.</param>
/// <param name="Step">Steps done in the run.</param>
/// <param name="Loss">Mean loss of this epoch's examples so far; NaN before the first is known.</param>
/// <param name="LearningRate">The rate of the last step.</param>
/// <param name="ImagesPerSecond">Examples trained per second since this call of Fit began, first step left out.</param>
/// <param name="Seconds">Time since this call of Fit began.</param>
/// <param name="IsEpochEnd">Whether the epoch is done.</param>
/// <param name="Validation">The evaluation at an epoch's end where a validation set was given, else null.</param>
public readonly record struct TrainingProgress(
    int Epoch, int Epochs, int StepInEpoch, int StepsPerEpoch, long Step, double Loss, float LearningRate,
    double ImagesPerSecond, double Seconds, bool IsEpochEnd, EvaluationResult? Validation)
{
    /// <summary>
    /// Time of <see cref="Seconds"/> that steps waited for their examples: near 0 where decoding and augmentation keep up.
    /// </summary>
    public double DataSeconds { get; init; }

    /// <summary>The evaluation of the training set at an epoch's end where <see cref="FitOptions.MeasuresTraining"/> asks for it, else null.</summary>
    public EvaluationResult? Training { get; init; }

    /// <summary>The best epoch so far by <see cref="FitOptions.Selection"/>, this one perhaps; 0: epochs are not compared.</summary>
    public int BestEpoch { get; init; }

    /// <summary>One line: "epoch 3/10: loss 0.0412, 26120 images/s, 6.9 s".</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        var place = IsEpochEnd ? "" : string.Create(CultureInfo.InvariantCulture, $", step {StepInEpoch}/{StepsPerEpoch}");
        var training = Training is { Error: not double.NaN } measured ? string.Create(CultureInfo.InvariantCulture, $", training error {measured.Error:P2}") : "";
        var validation = Validation is null ? "" : ", validation " + Validation + (IsEpochEnd && BestEpoch == Epoch ? ", best" : "");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {Epoch}/{Epochs}{place}: loss {Loss:0.0000}{training}{validation}, {ImagesPerSecond:0} images/s, {Seconds:0.0} s");
    }
}
