namespace DeepNative.Training;

/// <summary>How well a model does on a data set.</summary>
/// <param name="Loss">The mean loss over all examples.</param>
/// <param name="Error">The fraction of wrong predictions, 0 to 1; NaN for losses without that notion.</param>
/// <param name="Count">The number of examples.</param>
/// <param name="Seconds">The time it took, compiling included.</param>
public sealed record EvaluationResult(double Loss, double Error, int Count, double Seconds);
