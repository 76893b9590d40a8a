using System.Runtime.ExceptionServices;

namespace DeepNative.Data;

/// <summary>Loops over files and examples on several threads.</summary>
internal static class Workers
{
    /// <summary>Calls a function for 0 to count - 1. Its exception comes as it was thrown, with its stack.</summary>
    /// <param name="count">How often.</param>
    /// <param name="workers">Threads; 0: one for each core.</param>
    /// <param name="body">Given the number.</param>
    /// <param name="token">Ends it.</param>
    public static void For(int count, int workers, Action<int> body, CancellationToken token)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = workers > 0 ? workers : Environment.ProcessorCount, CancellationToken = token };
        try
        {
            Parallel.For(0, count, options, body);
        }
        catch (AggregateException error)
        {
            ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
        }
    }
}
