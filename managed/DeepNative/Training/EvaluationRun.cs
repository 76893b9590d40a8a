using System.Diagnostics;
using DeepNative.Data;

namespace DeepNative.Training;

/// <summary>Runs the evaluation programs over a data set, in its own order.</summary>
internal static class EvaluationRun
{
    // Numbers on their way from the device, beyond which the host waits for it.
    private const int MostUnderWay = 1 << 22;

    public static EvaluationResult Run(
        Device device, ModelPrograms programs, IExampleSource source, DeviceDataset? data, int batchSize, FeedOptions options)
    {
        var start = Stopwatch.GetTimestamp();
        using var feed = BatchFeed.ForEvaluation(device, source, Math.Min(batchSize, source.Count), data, options);
        var first = programs.Evaluation(feed.CountOf(0), feed);
        var report = first.Report!;
        var length = checked((int)first.Row!.Shape.Count);
        var slots = Math.Clamp(MostUnderWay / length, 1, feed.BatchCount);
        var rows = GC.AllocateArray<float>(checked(slots * length), pinned: true);
        var sums = new EvaluationSums(programs.MetricCount, report.Classes);
        try
        {
            feed.StartEpoch(0);
            for (var batch = 0; batch < feed.BatchCount; batch++)
            {
                var program = programs.Evaluation(feed.CountOf(batch), feed);
                feed.Next(program);
                program.Program.Run();
                program.Row!.ReadAsync(PinnedAddress.Of<float>(rows.AsSpan(batch % slots * length, (int)program.Row.Shape.Count)));
                if ((batch + 1) % slots != 0 && batch + 1 < feed.BatchCount) continue;
                device.Synchronize();
                for (var done = batch / slots * slots; done <= batch; done++)
                {
                    var size = feed.CountOf(done) == first.Batch ? length : (int)program.Row.Shape.Count;
                    report.AddTo(sums, rows.AsSpan(done % slots * length, size), feed.CountOf(done));
                }
            }
        }
        finally
        {
            // The array must outlive the copies into it, also when a run failed.
            device.Synchronize();
        }

        return report.Result(sums, source.Count, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }
}
