using System.Runtime.ExceptionServices;

namespace DeepNative.Training;

/// <summary>Threads that do the parts of one piece of work together with the thread that asks. Asking allocates nothing.</summary>
internal sealed class WorkerTeam : IDisposable
{
    private readonly Thread[] _threads;
    private readonly Action<int> _work;
    private readonly object _gate = new();

    // All but _next are guarded by _gate; a part is claimed by counting _next up.
    private int _next;
    private int _count;
    private int _busy;
    private long _round;
    private int _failedPart;
    private ExceptionDispatchInfo? _failure;
    private bool _disposed;

    /// <summary>Starts the threads, one fewer than <paramref name="workers"/>.</summary>
    /// <param name="workers">How many threads work, the asking one included; at least 1.</param>
    /// <param name="work">Does the part of a number; called by several threads at once.</param>
    public WorkerTeam(int workers, Action<int> work)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        _work = work;
        _threads = new Thread[workers - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Help) { IsBackground = true, Name = $"DeepNative worker {i + 1}" };
            _threads[i].Start();
        }
    }

    /// <summary>Does the parts 0 to count - 1 and waits for all. One caller at a time.</summary>
    /// <param name="count">The number of parts.</param>
    /// <remarks>Of the parts that failed, the exception of the lowest comes out; not all later ones were tried.</remarks>
    public void Run(int count)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            (_next, _count, _failure, _failedPart) = (0, count, null, int.MaxValue);
            _round++;
            _busy = _threads.Length;
            Monitor.PulseAll(_gate);
        }

        Work();
        lock (_gate)
        {
            while (_busy > 0) Monitor.Wait(_gate);
            _failure?.Throw();
        }
    }

    /// <summary>Ends the threads and waits for them.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            Monitor.PulseAll(_gate);
        }

        foreach (var thread in _threads) thread.Join();
    }

    private void Help()
    {
        var done = 0L;
        while (true)
        {
            lock (_gate)
            {
                while (_round == done && !_disposed) Monitor.Wait(_gate);
                // A round that has begun is ended first: its asker waits.
                if (_round == done) return;
                done = _round;
            }

            Work();
            lock (_gate)
            {
                _busy--;
                if (_busy == 0) Monitor.PulseAll(_gate);
            }
        }
    }

    private void Work()
    {
        while (true)
        {
            var part = Interlocked.Increment(ref _next) - 1;
            if (part >= _count) return;
            try
            {
                _work(part);
            }
#pragma warning disable CA1031 // whatever the work throws belongs to the asker
            catch (Exception error)
#pragma warning restore CA1031
            {
                lock (_gate)
                {
                    if (part < _failedPart) (_failure, _failedPart) = (ExceptionDispatchInfo.Capture(error), part);
                }

                // Nobody begins another part; those under way are ended.
                Interlocked.Exchange(ref _next, int.MaxValue / 2);
                return;
            }
        }
    }
}
