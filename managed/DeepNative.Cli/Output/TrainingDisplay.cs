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
            _secondsBefore + value.Seconds, value.Validation is { } test ? Measurement.Finite(test.Loss) : null,
            value.Validation is { } error ? Measurement.Finite(error.Error) : null));
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
            TestLoss = test is null ? null : Measurement.Finite(test.Loss),
            TestError = test is null ? null : Measurement.Finite(test.Error),
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

    /// <summary>Ends the display.</summary>
    public void Dispose() => _bar?.StopTask();
}
