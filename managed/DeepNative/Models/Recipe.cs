using DeepNative.Optimizers;

namespace DeepNative.Models;

/// <summary>How a model is trained, and who says so.</summary>
/// <param name="Data">The data set's name: "mnist".</param>
/// <param name="Epochs">Passes over the training set.</param>
/// <param name="Batch">Examples in a step.</param>
/// <param name="Optimizer">The rule with its learning rate.</param>
/// <param name="Schedule">How the rate changes; null: not at all.</param>
/// <param name="Source">Paper or slide that the numbers are from, or that they are this library's choice.</param>
public sealed record Recipe(
    string Data, int Epochs, int Batch, Optimizer Optimizer, LearningRateSchedule? Schedule, string Source);
