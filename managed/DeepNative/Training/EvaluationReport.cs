using DeepNative.Losses;
using DeepNative.Operators;

namespace DeepNative.Training;

/// <summary>
/// What an evaluation program says of a batch, as one row of float32 numbers: the loss, the sums that are asked
/// for, and how often each class was taken for each; or, of many classes, labels and predictions themselves; or, of
/// very many, what was wrong.
/// </summary>
internal sealed class EvaluationReport
{
    // Squares of more classes take more memory than the predictions of most batches.
    private const int MostCounted = 256;

    // Their squares are 128 MiB; the pairs of more classes are not told.
    private const int MostClasses = 4096;
    private const int Top = 5;

    private readonly bool _hasDivisor;
    private readonly bool _hasErrors;
    private readonly bool _hasCounted;
    private readonly bool _hasTop;
    private readonly IReadOnlyList<Metric> _metrics;

    /// <summary>Adds it to a graph.</summary>
    public EvaluationReport(Loss loss, IReadOnlyList<Metric> metrics, Value value, Value output, Value target)
    {
        _metrics = metrics;
        var parts = new List<Value> { value };
        if (loss.Divisor(output, target) is { } divisor)
        {
            _hasDivisor = true;
            parts.Add(divisor);
        }

        var comparison = loss.Compare(output, target);
        if (comparison is not null)
        {
            Classes = ClassesOf(comparison);
            HasOverlap = HasOverlapOf(comparison);
            _hasTop = comparison.Labels.Shape.Rank == 1 && comparison.Scores.Shape[1] > Top;
            _hasErrors = _hasCounted = Classes == 0;
            if (_hasErrors) parts.AddRange([Wrong(comparison), Counted(comparison)]);
            if (_hasTop) parts.Add(Missed(comparison));
        }
        else if (loss.CountErrors(output, target) is { } errors)
        {
            _hasErrors = true;
            parts.Add(errors);
        }

        foreach (var metric in metrics)
        {
            var sum = metric.Sum(output, target);
            if (sum.DType != DType.Float32 || sum.Shape.Rank != 0)
                throw new ShapeException(
                    $"metric {metric.Name}: it is {sum.DType} {sum.Shape}, expected Float32 (): the sum over the batch", "metric", "()", sum.Shape.ToString());
            parts.Add(sum);
        }

        if (comparison is not null && Classes > 0)
        {
            if (Classes <= MostCounted) parts.Add(Counts(comparison));
            else parts.AddRange(Pairs(comparison));
        }

        var rows = parts.ConvertAll(part => Reshape.To(part, new Shape(part.Shape.Count)));
        Row = rows.Count == 1 ? rows[0] : Concat.Along(0, rows.ToArray());
    }

    /// <summary>The numbers, for the graph that they were added to.</summary>
    public Value Row { get; }

    /// <summary>Classes whose pairs are counted; 0: targets are no classes, or there are too many.</summary>
    public int Classes { get; }

    /// <summary>Whether there is an intersection over union: every example is a map of classes.</summary>
    public bool HasOverlap { get; }

    /// <summary>Whether there will be an intersection over union for outputs of a shape.</summary>
    public static bool HasOverlapFor(Loss loss, Shape output)
    {
        var graph = new Graph(training: false, "shapes");
        var target = graph.Declare(loss.TargetType, loss.TargetShape(output), "target");
        return loss.Compare(graph.Declare(DType.Float32, output, "output"), target) is { } comparison && HasOverlapOf(comparison);
    }

    /// <summary>Adds a batch's numbers to the sums.</summary>
    public void AddTo(EvaluationSums sums, ReadOnlySpan<float> row, int examples)
    {
        var loss = Take(ref row);
        var divisor = _hasDivisor ? Take(ref row) : examples;

        // Where nothing counts there is no mean.
        if (divisor != 0)
        {
            sums.Loss += loss * divisor;
            sums.Divisor += divisor;
        }

        if (_hasErrors) sums.Errors += Take(ref row);
        sums.Counted += _hasCounted ? Take(ref row) : examples;
        if (_hasTop) sums.Missed += Take(ref row);
        for (var i = 0; i < _metrics.Count; i++) sums.Metrics[i] += Take(ref row);
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
            sums.Loss / sums.Divisor, confusion?.Error ?? (_hasErrors ? sums.Errors / sums.Counted : double.NaN), count, seconds)
        {
            TopFiveError = _hasTop ? sums.Missed / (confusion?.Total ?? sums.Counted) : double.NaN,
            Confusion = confusion,
            MeanIntersectionOverUnion = HasOverlap ? confusion!.MeanIntersectionOverUnion : double.NaN,
            Metrics = metrics,
        };
    }

    private static int ClassesOf(ClassComparison comparison) =>
        comparison.Scores.Shape[1] is var classes && classes <= MostClasses ? (int)classes : 0;

    private static bool HasOverlapOf(ClassComparison comparison) => comparison.Labels.Shape.Rank > 1 && ClassesOf(comparison) > 0;

    private static double Take(ref ReadOnlySpan<float> row)
    {
        var number = row[0];
        row = row[1..];
        return number;
    }

    private static Value Wrong(ClassComparison comparison)
    {
        var wrong = Pointwise.NotEqual(Reduce.ArgMax(comparison.Scores, axis: 1), comparison.Labels);
        return Reduce.Sum(comparison.Counted is { } counted ? wrong * counted : wrong);
    }

    private static Value Counted(ClassComparison comparison) =>
        comparison.Counted is { } counted ? Reduce.Sum(counted) : comparison.Labels.Graph.Constant((float)comparison.Labels.Shape.Count);

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
        var columns = HasOverlap ? places.Shape[places.Shape.Rank - 1] : 1;
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
    public double Divisor;
    public double Errors;
    public double Counted;
    public double Missed;

    public double[] Metrics { get; } = new double[metrics];

    /// <summary>Row = true class, column = predicted one.</summary>
    public long[] Counts { get; } = new long[(long)classes * classes];
}
