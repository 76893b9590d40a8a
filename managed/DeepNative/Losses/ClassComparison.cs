namespace DeepNative.Losses;

/// <summary>What evaluation compares where outputs tell classes apart.</summary>
/// <param name="Scores">Float32 (N, C) or (N, C, ...): the class with the largest is predicted, of equal ones the lowest.</param>
/// <param name="Labels">Int32 (N) or (N, ...): the true classes, 0 to C - 1 where they count.</param>
public sealed record ClassComparison(Value Scores, Value Labels)
{
    /// <summary>1 where a label counts, 0 where it is to be ignored, of the labels' shape; null: all count.</summary>
    public Value? Counted { get; init; }
}
