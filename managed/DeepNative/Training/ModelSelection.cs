namespace DeepNative.Training;

/// <summary>How the validation set decides when a run ends, and with which epoch's weights.</summary>
public sealed record ModelSelection
{
    /// <summary>
    /// By which number epochs are compared; <see cref="ValidationMetric.MeanIntersectionOverUnion"/> needs targets that are
    /// maps of classes.
    /// </summary>
    public ValidationMetric Metric { get; init; } = ValidationMetric.Error;

    /// <summary>An epoch is better than the best so far by more than this; at least 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0 or not finite.</exception>
    public double MinDelta
    {
        get;
        init => field = value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "must be a finite number, at least 0");
    }

    /// <summary>Epochs in a row without a better one after which training ends; 0: it never does.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public int Patience
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>
    /// The file that always holds the best epoch's weights, as <see cref="Trainer.Save"/> writes them; its folder must
    /// exist. Null: they are kept in memory, and in checkpoints.
    /// </summary>
    public string? Path { get; init; }

    /// <summary>Whether the model has the best epoch's weights after the run; else the last one's.</summary>
    public bool Restore { get; init; } = true;

    /// <summary>What a run that goes on must have in common with its beginning.</summary>
    internal string Rule =>
        $"{Metric}, its weights in {(Path is not null ? "a file" : Restore ? "checkpoints" : "neither a file nor checkpoints")}";

    /// <summary>What is compared: less is better.</summary>
    internal double ValueOf(EvaluationResult result) => Metric switch
    {
        ValidationMetric.MeanIntersectionOverUnion => -result.MeanIntersectionOverUnion,
        ValidationMetric.Error when !double.IsNaN(result.Error) => result.Error,
        _ => result.Loss,
    };
}
