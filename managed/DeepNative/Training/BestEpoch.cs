namespace DeepNative.Training;

/// <summary>The best epoch of a run so far.</summary>
/// <param name="Epoch">From 1; 0: none yet.</param>
/// <param name="Value">What epochs are compared by; less is better.</param>
/// <param name="Stalled">Epochs since.</param>
internal sealed record BestEpoch(int Epoch, double Value, int Stalled)
{
    // Not infinity: that is no number of a file.
    public static BestEpoch None { get; } = new(0, double.MaxValue, 0);

    /// <summary>By what it was selected: <see cref="ModelSelection.Rule"/>.</summary>
    public string Rule { get; init; } = "";

    /// <summary>Its weights by name, where they are kept in memory.</summary>
    public IReadOnlyDictionary<string, byte[]>? Weights { get; init; }

    /// <summary>Whether a value is better; NaN is not.</summary>
    public bool IsBeatenBy(double value, double minDelta) => Epoch == 0 ? !double.IsNaN(value) : value < Value - minDelta;
}
