namespace DeepNative.Optimizers;

/// <summary>What a schedule that waits for a plateau has seen of a run.</summary>
/// <param name="Best">The best metric of the run.</param>
/// <param name="Stalled">Epochs since, that count.</param>
/// <param name="Cooldown">Epochs to come that do not count.</param>
/// <param name="Factor">Of the optimiser's rate.</param>
internal readonly record struct PlateauState(double Best, int Stalled, int Cooldown, double Factor)
{
    /// <summary>Before the first epoch's end. Not infinity: that is no number of a file.</summary>
    public static PlateauState Start { get; } = new(double.MaxValue, 0, 0, 1.0);
}
