namespace DeepNative.Training;

/// <summary>Some steps of a run, up to one.</summary>
/// <param name="Epoch">The epoch of the last of them, from 1.</param>
/// <param name="Step">The last of them, counted from 1 over the whole run.</param>
/// <param name="Loss">Mean loss of their examples.</param>
/// <param name="LearningRate">The rate of the last.</param>
/// <param name="GradientNorm">
/// Euclidean norm of the last one's gradients before clipping; NaN unless <see cref="TrainerOptions.GradientNorm"/> asks for it.
/// </param>
public readonly record struct TrainingStep(int Epoch, long Step, double Loss, float LearningRate, float GradientNorm);
