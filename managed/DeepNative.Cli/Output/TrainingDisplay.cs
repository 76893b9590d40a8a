using System.Globalization;
using DeepNative.Cli.Runs;
using DeepNative.Training;
using Spectre.Console;

namespace DeepNative.Cli.Output;

/// <summary>
/// Shows how a training goes, a bar in a terminal and a line an epoch, and keeps metrics.json up to date.
/// </summary>
internal sealed class TrainingDisplay : IProgress<TrainingProgress>, IDisposable
{
    // A larger confusion matrix is no reading any more.
    private const int MostClasses = 100;

    private readonly Terminal _terminal;
    private readonly RunFolder _run;
    private readonly List<EpochMetrics> _epochs = [];
    private readonly double _secondsBefore;
    private readonly bool _show;
    private readonly int _epochBefore;
    private ProgressTask? _bar;

    /// <summary>Begins the display.</summary>
    /// <param name="terminal">Where to show.</param>
    /// <param name="run">Whose metrics are written.</param>
    /// <param name="before">The metrics of a resumed run.</param>
    /// <param name="epoch">The epochs that the resumed state has; later ones are forgotten and done again.</param>
    /// <param name="show">False: only write.</param>
    public TrainingDisplay(Terminal terminal, RunFolder run, RunMetrics before, int epoch, bool show)
    {
        _terminal = terminal;
        _run = run;
        _show = show;
        _epochBefore = epoch;
        _epochs.AddRange(before.Epochs.Where(done => done.Epoch <= epoch));
        _secondsBefore = _epochs.Count == before.Epochs.Count ? before.Seconds : _epochs.LastOrDefault()?.Seconds ?? 0;
    }

    /// <summary>Whether epochs are measured on a part of the training set that was held out, not on the test set.</summary>
    public bool HeldOut { get; init; }

    /// <summary>Runs the training under the display.</summary>
    /// <param name="train">The training; it reports to this object.</param>
    /// <returns>What the training returned.</returns>
    public FitResult Show(Func<FitResult> train)
    {
        if (!_show || !_terminal.IsLive) return train();
        return _terminal.Console.Progress()
            .AutoClear(true)
            .Columns(new SpinnerColumn(), new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                _bar = context.AddTask("preparing");
                return train();
            });
    }

    /// <inheritdoc/>
    public void Report(TrainingProgress value)
    {
        if (_bar is not null)
        {
            _bar.MaxValue = (double)value.Epochs * value.StepsPerEpoch;
            _bar.Value = value.Step;
            _bar.Description = Markup.Escape(Line(value));
        }

        if (!value.IsEpochEnd) return;
        _epochs.Add(new EpochMetrics(
            value.Epoch, Measurement.Finite(value.Loss), value.LearningRate, Measurement.Finite(value.ImagesPerSecond),
            _secondsBefore + value.Seconds, HeldOut ? null : Finite(value.Validation?.Loss), HeldOut ? null : Finite(value.Validation?.Error))
        {
            ValidationLoss = HeldOut ? Finite(value.Validation?.Loss) : null,
            ValidationError = HeldOut ? Finite(value.Validation?.Error) : null,
            Top5Error = Finite(value.Validation?.TopFiveError),
            MeanIou = Finite(value.Validation?.MeanIntersectionOverUnion),
        });
        _run.Write(new RunMetrics { Epochs = _epochs, TrainLoss = Measurement.Finite(value.Loss), Seconds = _secondsBefore + value.Seconds });
        if (_show) _terminal.Line(Line(value));
    }

    /// <summary>Writes the last metrics.</summary>
    /// <param name="fit">What the training returned.</param>
    /// <param name="test">The test of the finished model; null when the training did not end.</param>
    /// <returns>The metrics.</returns>
    public RunMetrics Finish(FitResult fit, EvaluationResult? test)
    {
        var metrics = new RunMetrics
        {
            Epochs = _epochs,
            Completed = fit.Completed,
            TrainLoss = Measurement.Finite(fit.Loss) ?? _epochs.LastOrDefault()?.TrainLoss,
            TestLoss = Finite(test?.Loss),
            TestError = Finite(test?.Error),
            TestTop5Error = Finite(test?.TopFiveError),
            TestMeanIou = Finite(test?.MeanIntersectionOverUnion),
            TestRecall = PerClass(test?.Confusion, (matrix, index) => matrix.Recall(index)),
            TestIou = test is { MeanIntersectionOverUnion: not double.NaN } ? PerClass(test.Confusion, (matrix, index) => matrix.IntersectionOverUnion(index)) : null,
            TestConfusion = test?.Confusion is { Classes: <= MostClasses } confusion ? Rows(confusion) : null,
            BestEpoch = fit.BestEpoch > 0 ? fit.BestEpoch : null,
            StoppedEarly = fit.StoppedEarly,
            Seconds = _secondsBefore + fit.Seconds,
            ImagesPerSecond = Measurement.Finite(fit.ImagesPerSecond),
        };
        _run.Write(metrics);
        return metrics;
    }

    private string Line(TrainingProgress value)
    {
        var steps = (double)value.Epochs * value.StepsPerEpoch;
        var done = value.Step - (double)_epochBefore * value.StepsPerEpoch;
        return done > 0 && value.Step < steps ? $"{value}, {Units.Left(value.Seconds * (steps - value.Step) / done)} left" : value.ToString();
    }

    private static double? Finite(double? value) => value is { } number ? Measurement.Finite(number) : null;

    private static double?[]? PerClass(ConfusionMatrix? matrix, Func<ConfusionMatrix, int, double> value) =>
        matrix is null ? null : [.. Enumerable.Range(0, matrix.Classes).Select(index => Measurement.Finite(value(matrix, index)))];

    private static long[][] Rows(ConfusionMatrix matrix) =>
        [.. Enumerable.Range(0, matrix.Classes).Select(row => Enumerable.Range(0, matrix.Classes).Select(column => matrix[row, column]).ToArray())];

    /// <summary>Ends the display.</summary>
    public void Dispose() => _bar?.StopTask();
}
