namespace DeepNative.Training;

/// <summary>When a run writes its whole state, so that it can be resumed exactly.</summary>
/// <param name="Path">The file; written atomically, each time over the last one.</param>
/// <param name="EveryEpochs">Epochs between two writes; 0: not by epoch.</param>
/// <param name="EverySteps">Steps between two writes; 0: not by step.</param>
/// <remarks>A cancelled run writes it too. It is never written from a state with a number that is not finite.</remarks>
public sealed record CheckpointOptions(string Path, int EveryEpochs = 1, int EverySteps = 0);
