using System.Diagnostics;
using DeepNative.Cli.Runs;
using DeepNative.Training;

namespace DeepNative.Cli.Reports;

/// <summary>Refreshes report.html while a run goes on, after epochs and not too often.</summary>
/// <param name="run">The run.</param>
internal sealed class ReportWriter(RunFolder run) : ITrainingObserver
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(5);

    private long _last = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public void OnEpoch(TrainingProgress epoch)
    {
        if (Stopwatch.GetElapsedTime(_last) < _interval) return;
        RunReport.Write(run, review: null);
        _last = Stopwatch.GetTimestamp();
    }
}
