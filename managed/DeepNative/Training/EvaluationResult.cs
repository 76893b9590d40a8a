using System.Globalization;
using System.Text;

namespace DeepNative.Training;

/// <summary>How well a model does on a data set.</summary>
/// <param name="Loss">The mean loss over all examples; of labels with weights, or ignored ones, over the weights of those that count.</param>
/// <param name="Error">
/// The fraction of wrong predictions, 0 to 1, of pixels where targets are maps of classes, without the ignored ones; NaN
/// for losses without that notion.
/// </param>
/// <param name="Count">The number of examples.</param>
/// <param name="Seconds">The time it took, compiling included.</param>
public sealed record EvaluationResult(double Loss, double Error, int Count, double Seconds)
{
    /// <summary>
    /// The fraction of examples, without the ignored ones, whose class is not among the five likeliest; NaN for five classes
    /// or fewer, and for maps.
    /// </summary>
    public double TopFiveError { get; init; } = double.NaN;

    /// <summary>
    /// Which classes were taken for which: examples, or pixels of maps; null where targets are not classes, and of more than
    /// 4096 classes, of which the errors alone are counted.
    /// </summary>
    public ConfusionMatrix? Confusion { get; init; }

    /// <summary>Where targets are maps of at most 4096 classes: their mean intersection over union; else NaN.</summary>
    public double MeanIntersectionOverUnion { get; init; } = double.NaN;

    /// <summary>What <see cref="TrainerOptions.Metrics"/> asked for, by name.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>Whether all numbers are the same, NaN included.</summary>
    /// <param name="other">Another, or null.</param>
    /// <returns>The answer.</returns>
    public bool Equals(EvaluationResult? other) =>
        other is not null && Loss.Equals(other.Loss) && Error.Equals(other.Error) && Count == other.Count && Seconds.Equals(other.Seconds)
        && TopFiveError.Equals(other.TopFiveError) && MeanIntersectionOverUnion.Equals(other.MeanIntersectionOverUnion)
        && Equals(Confusion, other.Confusion) && Metrics.Count == other.Metrics.Count
        && Metrics.All(metric => other.Metrics.TryGetValue(metric.Key, out var value) && value.Equals(metric.Value));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Loss, Error, Count);

    /// <summary>What is known, in short: "loss 0.0412, error 1.20 %, top-5 error 0.03 %".</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        Add($"loss {Loss:0.0000}");
        if (!double.IsNaN(Error)) Add($", error {Error:P2}");
        if (!double.IsNaN(TopFiveError)) Add($", top-5 error {TopFiveError:P2}");
        if (!double.IsNaN(MeanIntersectionOverUnion)) Add($", mean IoU {MeanIntersectionOverUnion:0.0000}");
        foreach (var (name, value) in Metrics) Add($", {name} {value:0.0000}");
        return text.ToString();

        void Add(FormattableString part) => text.Append(part.ToString(CultureInfo.InvariantCulture));
    }
}
