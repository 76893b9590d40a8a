namespace DeepNative.Training;

/// <summary>What <see cref="Trainer.LoadFrom"/> took of a file.</summary>
/// <param name="Loaded">Parameters and statistics that now have the file's values, by name.</param>
/// <param name="Fresh">Those that keep their first values: the new head.</param>
public sealed record TransferReport(IReadOnlyList<string> Loaded, IReadOnlyList<string> Fresh);
