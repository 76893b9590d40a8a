using System.Diagnostics;

namespace DeepNative.Training;

/// <summary>Runs the evaluation programs over a data set, in its own order.</summary>
internal static class EvaluationRun
{
    public static EvaluationResult Run(
        Device device, ModelPrograms programs, IExampleSource source, DeviceDataset? data, int batchSize, bool prefetch)
    {
        var start = Stopwatch.GetTimestamp();
        using var feed = BatchFeed.ForEvaluation(device, source, Math.Min(batchSize, source.Count), data, prefetch);
        // One slot a batch: nothing waits before the end.
        var losses = GC.AllocateArray<float>(feed.BatchCount, pinned: true);
        var errors = GC.AllocateArray<float>(feed.BatchCount, pinned: true);
        var hasErrors = false;
        try
        {
            feed.StartEpoch(0);
            for (var batch = 0; batch < feed.BatchCount; batch++)
            {
                var program = programs.Evaluation(feed.CountOf(batch), feed);
                feed.Next(program);
                program.Program.Run();
                program.Loss!.ReadAsync(PinnedAddress.Of<float>(losses.AsSpan(batch)));
                program.Errors?.ReadAsync(PinnedAddress.Of<float>(errors.AsSpan(batch)));
                hasErrors = program.Errors is not null;
            }
        }
        finally
        {
            // The arrays must outlive the copies into them, also when a run failed.
            device.Synchronize();
        }

        var loss = 0.0;
        var wrong = 0.0;
        for (var batch = 0; batch < losses.Length; batch++)
        {
            loss += (double)losses[batch] * feed.CountOf(batch);
            wrong += errors[batch];
        }

        return new EvaluationResult(
            loss / source.Count, hasErrors ? wrong / source.Count : double.NaN, source.Count,
            Stopwatch.GetElapsedTime(start).TotalSeconds);
    }
}
