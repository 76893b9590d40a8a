namespace DeepNative.Training;

/// <summary>
/// How well a segmentation fits: the pixels of each true class by the class they were given, and what follows. The
/// intersection over union of a class is TP / (TP + FP + FN) (Everingham et al.: "The PASCAL visual object classes
/// challenge", 2010).
/// </summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class SegmentationScore
{
    private readonly long[] _counts;

    /// <summary>Nothing counted yet.</summary>
    /// <param name="classes">At least 1.</param>
    public SegmentationScore(int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        Classes = classes;
        _counts = new long[classes * classes];
    }

    /// <summary>The number of classes.</summary>
    public int Classes { get; }

    /// <summary>Pixels counted.</summary>
    public long Pixels => _counts.Sum();

    /// <summary>The part of pixels whose class is right; NaN before any was counted.</summary>
    public double Accuracy
    {
        get
        {
            var right = 0L;
            for (var c = 0; c < Classes; c++) right += Count(c, c);
            return (double)right / Pixels;
        }
    }

    /// <summary>The mean of <see cref="IntersectionOverUnion"/> over the classes that occur.</summary>
    public double MeanIntersectionOverUnion
    {
        get
        {
            var (sum, count) = (0.0, 0);
            for (var c = 0; c < Classes; c++)
            {
                if (IntersectionOverUnion(c) is var value && double.IsNaN(value)) continue;
                sum += value;
                count++;
            }

            return sum / count;
        }
    }

    /// <summary>Pixels of a class that were given a class.</summary>
    /// <param name="truth">Their true class.</param>
    /// <param name="predicted">The class that they were given.</param>
    /// <returns>Their number.</returns>
    public long Count(int truth, int predicted) => _counts[truth * Classes + predicted];

    /// <summary>The pixels that prediction and truth share, divided by those that either has.</summary>
    /// <param name="label">The class.</param>
    /// <returns>0 to 1; NaN where the class occurs in neither.</returns>
    public double IntersectionOverUnion(int label)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(label);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(label, Classes);
        var union = -Count(label, label);
        for (var c = 0; c < Classes; c++) union += Count(label, c) + Count(c, label);
        return (double)Count(label, label) / union;
    }

    /// <summary>Counts pixels by their classes.</summary>
    /// <param name="truth">The true classes; those outside 0 ... <see cref="Classes"/> - 1 do not count.</param>
    /// <param name="predicted">As many classes that they were given.</param>
    /// <exception cref="ArgumentException">The numbers of pixels differ, or a class that was given does not exist.</exception>
    public void Add(ReadOnlySpan<int> truth, ReadOnlySpan<int> predicted)
    {
        if (truth.Length != predicted.Length)
            throw new ArgumentException($"there are {predicted.Length} predicted pixels, expected {truth.Length}.", nameof(predicted));
        for (var i = 0; i < truth.Length; i++)
        {
            if ((uint)truth[i] >= (uint)Classes) continue;
            if ((uint)predicted[i] >= (uint)Classes)
                throw new ArgumentException($"pixel {i} was given class {predicted[i]}, expected 0 to {Classes - 1}.", nameof(predicted));
            _counts[truth[i] * Classes + predicted[i]]++;
        }
    }

    /// <summary>Counts pixels by their scores: the class with the largest, of equal ones the lowest.</summary>
    /// <param name="truth">The true classes of P pixels.</param>
    /// <param name="scores">(classes, P), row-major: what a model gives for one picture.</param>
    /// <exception cref="ArgumentException">There are not as many scores.</exception>
    public void Add(ReadOnlySpan<int> truth, ReadOnlySpan<float> scores) => Add(truth, Labels(scores, Classes));

    /// <summary>The class of every pixel: that with the largest score, of equal ones the lowest.</summary>
    /// <param name="scores">(classes, P), row-major.</param>
    /// <param name="classes">At least 1.</param>
    /// <returns>P classes.</returns>
    /// <exception cref="ArgumentException">The scores are not of whole pixels.</exception>
    public static int[] Labels(ReadOnlySpan<float> scores, int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (scores.Length % classes != 0) throw new ArgumentException($"{scores.Length} scores are not those of {classes} classes.", nameof(scores));
        var labels = new int[scores.Length / classes];
        for (var i = 0; i < labels.Length; i++)
        {
            for (var c = 1; c < classes; c++)
                if (scores[c * labels.Length + i] > scores[labels[i] * labels.Length + i]) labels[i] = c;
        }

        return labels;
    }

    /// <summary>"mean IoU 0.8120 (0.7310, 0.8930), 91.30 % of pixels right".</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        var each = Enumerable.Range(0, Classes).Select(c => FormattableString.Invariant($"{IntersectionOverUnion(c):0.0000}"));
        return FormattableString.Invariant($"mean IoU {MeanIntersectionOverUnion:0.0000} ({string.Join(", ", each)}), {100 * Accuracy:0.00} % of pixels right");
    }
}
