using DeepNative.Losses;
using DeepNative.Operators;

namespace DeepNative.Training;

/// <summary>
/// What an evaluation program says of a batch, as one row of float32 numbers: the loss, the sums that are asked
/// for, and how often each class was taken for each; or, of very many classes, labels and predictions themselves.
/// </summary>
internal sealed class EvaluationReport
{
    // Squares of more classes take more memory than the predictions of most batches.
    private const int MostCounted = 256;
    private const int Top = 5;

    private readonly bool _hasErrors;
    private readonly bool _hasTop;
    private readonly IReadOnlyList<Metric> _metrics;

    /// <summary>Adds it to a graph.</summary>
    public EvaluationReport(Loss loss, IReadOnlyList<Metric> metrics, Value value, Value output, Value target)
    {
        _metrics = metrics;
        var parts = new List<Value> { value };
        var comparison = loss.Compare(output, target);
        if (comparison is null && loss.CountErrors(output, target) is { } errors)
        {
            _hasErrors = true;
            parts.Add(errors);
        }

        if (comparison is not null)
        {
            Classes = checked((int)comparison.Scores.Shape[1]);
            IsMap = comparison.Labels.Shape.Rank > 1;
            _hasTop = !IsMap && Classes > Top;
            if (_hasTop) parts.Add(Missed(comparison));
        }

        foreach (var metric in metrics)
        {
            var sum = metric.Sum(output, target);
            if (sum.DType != DType.Float32 || sum.Shape.Rank != 0)
                throw new ShapeException(
                    $"metric {metric.Name}: it is {sum.DType} {sum.Shape}, expected Float32 (): the sum over the batch", "metric", "()", sum.Shape.ToString());
            parts.Add(sum);
        }

        if (comparison is not null)
        {
            if (Classes <= MostCounted) parts.Add(Counts(comparison));
            else parts.AddRange(Pairs(comparison));
        }

        var rows = parts.ConvertAll(part => Reshape.To(part, new Shape(part.Shape.Count)));
        Row = rows.Count == 1 ? rows[0] : Concat.Along(0, rows.ToArray());
    }

    /// <summary>The numbers, for the graph that they were added to.</summary>
    public Value Row { get; }

    /// <summary>Classes that are told apart; 0: targets are no classes.</summary>
    public int Classes { get; }

    /// <summary>Whether every example has classes of many positions.</summary>
    public bool IsMap { get; }

    /// <summary>Adds a batch's numbers to the sums.</summary>
    public void AddTo(EvaluationSums sums, ReadOnlySpan<float> row, int examples)
    {
        sums.Loss += (double)row[0] * examples;
        row = row[1..];
        if (_hasErrors) Take(ref sums.Errors, ref row);
        if (_hasTop) Take(ref sums.Missed, ref row);
        for (var i = 0; i < _metrics.Count; i++) Take(ref sums.Metrics[i], ref row);
        if (Classes == 0) return;
        if (Classes <= MostCounted)
        {
            // The last one counts what is ignored.
            for (var i = 0; i < sums.Counts.Length; i++) sums.Counts[i] += (long)row[i];
            return;
        }

        var labels = row[..(row.Length / 2)];
        var predicted = row[labels.Length..];
        for (var i = 0; i < labels.Length; i++)
            if (labels[i] >= 0f) sums.Counts[(long)labels[i] * Classes + (long)predicted[i]]++;
    }

    /// <summary>The result of all batches.</summary>
    public EvaluationResult Result(EvaluationSums sums, int count, double seconds)
    {
        var metrics = new Dictionary<string, double>(StringComparer.Ordinal);
        for (var i = 0; i < _metrics.Count; i++) metrics[_metrics[i].Name] = sums.Metrics[i] / count;
        var confusion = Classes == 0 ? null : new ConfusionMatrix(Classes, sums.Counts);
        return new EvaluationResult(
            sums.Loss / count, confusion?.Error ?? (_hasErrors ? sums.Errors / count : double.NaN), count, seconds)
        {
            TopFiveError = _hasTop ? sums.Missed / count : double.NaN,
            Confusion = confusion,
            MeanIntersectionOverUnion = IsMap ? confusion!.MeanIntersectionOverUnion : double.NaN,
            Metrics = metrics,
        };
    }

    private static void Take(ref double sum, ref ReadOnlySpan<float> row)
    {
        sum += row[0];
        row = row[1..];
    }

    // The examples, of those that count, whose class is not among the likeliest.
    private static Value Missed(ClassComparison comparison)
    {
        var labels = Reshape.To(comparison.Labels, comparison.Labels.Shape.Concat([1]));
        var (_, likeliest) = TopK.Apply(comparison.Scores, Top, axis: 1);
        var found = Reduce.Sum(Pointwise.Equal(likeliest, labels), [1]);
        var missed = 1f - found;
        return Reduce.Sum(comparison.Counted is { } counted ? missed * counted : missed);
    }

    // One sum for each column of the maps first, so that a device has work for many threads.
    private Value Counts(ClassComparison comparison)
    {
        var graph = comparison.Scores.Graph;
        var pairs = (long)Classes * Classes;
        var places = comparison.Labels * Classes + Reduce.ArgMax(comparison.Scores, axis: 1);
        if (comparison.Counted is { } counted) places = Pointwise.Select(counted, places, graph.Constant((float)pairs));
        var columns = IsMap ? places.Shape[places.Shape.Rank - 1] : 1;
        var indices = Reshape.To(Pointwise.Cast(places, DType.Int32), new Shape(places.Shape.Count / columns, columns));
        var sums = Gather.ScatterAddAlong(Pointwise.Expand(graph.Constant(1f), indices.Shape), indices, 0, pairs + 1);
        return columns == 1 ? sums : Reduce.Sum(sums, [1]);
    }

    private static Value[] Pairs(ClassComparison comparison)
    {
        var graph = comparison.Scores.Graph;
        var labels = comparison.Counted is { } counted
            ? Pointwise.Select(counted, comparison.Labels, graph.Constant(-1f))
            : Pointwise.Cast(comparison.Labels, DType.Float32);
        return [labels, Pointwise.Cast(Reduce.ArgMax(comparison.Scores, axis: 1), DType.Float32)];
    }
}

/// <summary>Sums over the batches of an evaluation.</summary>
internal sealed class EvaluationSums(int metrics, int classes)
{
    public double Loss;
    public double Errors;
    public double Missed;

    public double[] Metrics { get; } = new double[metrics];

    /// <summary>Row = true class, column = predicted one.</summary>
    public long[] Counts { get; } = new long[(long)classes * classes];
}
