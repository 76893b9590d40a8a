namespace DeepNative.Training;

/// <summary>How often each class was taken for each, and the measures that follow from it.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class ConfusionMatrix : IEquatable<ConfusionMatrix>
{
    private readonly long[] _counts;
    private readonly long[] _actual;
    private readonly long[] _predicted;

    /// <summary>A matrix of counts.</summary>
    /// <param name="classes">The number of classes, at least 1.</param>
    /// <param name="counts">One for each pair, row-major: row = true class, column = predicted class; copied.</param>
    /// <exception cref="ArgumentException">There are not as many counts as pairs.</exception>
    public ConfusionMatrix(int classes, ReadOnlySpan<long> counts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (counts.Length != (long)classes * classes)
            throw new ArgumentException($"{counts.Length} counts, expected {(long)classes * classes} for {classes} classes.", nameof(counts));
        Classes = classes;
        _counts = counts.ToArray();
        (_actual, _predicted) = (new long[classes], new long[classes]);
        for (var row = 0; row < classes; row++)
        {
            for (var column = 0; column < classes; column++)
            {
                var count = _counts[row * classes + column];
                _actual[row] += count;
                _predicted[column] += count;
                Total += count;
                if (row == column) Correct += count;
            }
        }
    }

    /// <summary>The number of classes.</summary>
    public int Classes { get; }

    /// <summary>Everything that was counted: examples, or pixels.</summary>
    public long Total { get; }

    /// <summary>What was predicted as it is.</summary>
    public long Correct { get; }

    /// <summary>The fraction of wrong predictions; NaN where nothing was counted.</summary>
    public double Error => Share(Total - Correct, Total);

    /// <summary>How often a class was taken for another, or for itself.</summary>
    /// <param name="actual">The true class.</param>
    /// <param name="predicted">The predicted class.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such class.</exception>
    public long this[int actual, int predicted]
    {
        get
        {
            Check(actual);
            Check(predicted);
            return _counts[actual * Classes + predicted];
        }
    }

    /// <summary>How many are of a class.</summary>
    /// <param name="index">The class.</param>
    /// <returns>The sum of its row.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such class.</exception>
    public long Actual(int index)
    {
        Check(index);
        return _actual[index];
    }

    /// <summary>How many were taken for a class.</summary>
    /// <param name="index">The class.</param>
    /// <returns>The sum of its column.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such class.</exception>
    public long Predicted(int index)
    {
        Check(index);
        return _predicted[index];
    }

    /// <summary>The fraction of a class that was found; NaN where it does not occur.</summary>
    /// <param name="index">The class.</param>
    /// <returns>0 to 1, or NaN.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such class.</exception>
    public double Recall(int index) => Share(this[index, index], Actual(index));

    /// <summary>The fraction of what was taken for a class that is of it; NaN where it was never predicted.</summary>
    /// <param name="index">The class.</param>
    /// <returns>0 to 1, or NaN.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such class.</exception>
    public double Precision(int index) => Share(this[index, index], Predicted(index));

    /// <summary>
    /// What is of a class and was taken for it, over what is either (Jaccard's index); NaN where it neither occurs nor was
    /// predicted.
    /// </summary>
    /// <param name="index">The class.</param>
    /// <returns>0 to 1, or NaN.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such class.</exception>
    public double IntersectionOverUnion(int index) => Share(this[index, index], Actual(index) + Predicted(index) - this[index, index]);

    /// <summary>The mean of <see cref="IntersectionOverUnion"/> over the classes that have one; NaN where none has.</summary>
    public double MeanIntersectionOverUnion
    {
        get
        {
            var (sum, count) = (0.0, 0);
            for (var index = 0; index < Classes; index++)
            {
                var share = IntersectionOverUnion(index);
                if (double.IsNaN(share)) continue;
                (sum, count) = (sum + share, count + 1);
            }

            return count == 0 ? double.NaN : sum / count;
        }
    }

    /// <summary>Whether all counts are the same.</summary>
    /// <param name="other">Another, or null.</param>
    /// <returns>The answer.</returns>
    public bool Equals(ConfusionMatrix? other) => other is not null && _counts.AsSpan().SequenceEqual(other._counts);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ConfusionMatrix);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Classes, Total, Correct);

    private static double Share(long part, long whole) => whole == 0 ? double.NaN : (double)part / whole;

    private void Check(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Classes);
    }
}
