using System.Runtime.ExceptionServices;

namespace DeepNative.Data;

/// <summary>
/// Shuffles, batches and prefetches on one background thread, into a ring of pinned buffers that are
/// reused for ever: a batch allocates nothing.
/// </summary>
/// <remarks>
/// The order of an epoch depends on (seed, epoch, number of samples) alone, so that a run may resume
/// at any (epoch, batch) with the same data. One consumer thread; <see cref="Dispose"/> may come from any.
/// </remarks>
public sealed class DataLoader : IDisposable
{
    // Tells the shuffling apart from other users of the same seed: "shuf" in ASCII.
    internal const uint ShuffleStream = 0x73687566;

    private readonly ISampleSource _source;
    private readonly int _batch;
    private readonly bool _shuffle;
    private readonly Slot[] _ring;
    private readonly Thread _thread;

    // Owned by the background thread.
    private readonly int[] _order;
    private readonly Philox _random;

    // All below is guarded by _gate. Slots [_head, _head + _held + _ready) of the ring are in use: first
    // the one the consumer holds, then the ones it has not seen; the next one is being filled.
    private readonly object _gate = new();
    private int _head;
    private int _held;
    private int _ready;
    private int _epoch = -1;
    private int _nextFill;
    private int _nextTake;
    private long _generation; // counts StartEpoch calls; a batch of an older one is dropped
    private bool _disposed;
    private bool _canceled;
    private ExceptionDispatchInfo? _failure;
    private CancellationToken _token;
    private CancellationTokenRegistration _registration;

    /// <summary>Takes the buffers and starts the thread, which waits for <see cref="StartEpoch"/>.</summary>
    /// <param name="source">The samples.</param>
    /// <param name="batch">Samples in a batch, at least 1.</param>
    /// <param name="shuffle">Random order, new in each epoch; else the order of the source.</param>
    /// <param name="seed">Decides the order, with the epoch.</param>
    /// <param name="dropLast">Leaves out a last batch that is not full.</param>
    /// <param name="prefetch">Batches made ahead, at least 1.</param>
    /// <exception cref="ArgumentException">
    /// An empty source, or one smaller than the batch while <paramref name="dropLast"/> is set.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A number below 1, or a batch of 2 GiB and more.</exception>
    public DataLoader(
        ISampleSource source, int batch, bool shuffle = false, ulong seed = 0, bool dropLast = false, int prefetch = 3)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(prefetch);
        if (source.Count <= 0) throw new ArgumentException("The data set is empty.", nameof(source));
        if (dropLast && source.Count < batch)
            throw new ArgumentException(
                $"A batch of {batch} from {source.Count} samples leaves nothing when the last one is dropped.",
                nameof(batch));
        batch = Math.Min(batch, source.Count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)batch * source.SampleBytes, Array.MaxLength, nameof(batch));
        _source = source;
        _batch = batch;
        _shuffle = shuffle;
        _random = new Philox(seed, ShuffleStream);
        BatchCount = dropLast ? source.Count / batch : (int)(((long)source.Count + batch - 1) / batch);
        _order = new int[source.Count];
        _ring = new Slot[prefetch + 1];
        for (var i = 0; i < _ring.Length; i++) _ring[i] = new Slot(batch, source.SampleBytes);
        _thread = new Thread(Produce) { IsBackground = true, Name = "DeepNative data loader" };
        _thread.Start();
    }

    /// <summary>Batches in an epoch.</summary>
    public int BatchCount { get; }

    /// <summary>Begins an epoch, at any batch of it; whatever was under way is dropped.</summary>
    /// <param name="epoch">The epoch, from 0; decides the order.</param>
    /// <param name="firstBatch">The batch to begin with, 0 to <see cref="BatchCount"/>.</param>
    /// <param name="token">Ends a waiting <see cref="TryNext"/> of this epoch.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number outside its range.</exception>
    /// <exception cref="ObjectDisposedException">The loader is disposed.</exception>
    public void StartEpoch(int epoch, int firstBatch = 0, CancellationToken token = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(firstBatch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstBatch, BatchCount);
        // Outside the lock: it waits for a callback under way, which takes the lock.
        _registration.Dispose();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _generation++;
            _epoch = epoch;
            _nextFill = firstBatch;
            _nextTake = firstBatch;
            _head = 0;
            _held = 0;
            _ready = 0;
            _failure = null;
            _canceled = false;
            _token = token;
            Monitor.PulseAll(_gate);
        }

        _registration = token.UnsafeRegister(static loader => ((DataLoader)loader!).Cancel(), this);
    }

    /// <summary>Waits for the next batch of the epoch. The batch given before becomes invalid.</summary>
    /// <param name="batch">The batch, valid until the next call of this loader.</param>
    /// <returns>False at the end of the epoch.</returns>
    /// <exception cref="InvalidOperationException">No epoch was started.</exception>
    /// <exception cref="OperationCanceledException">The epoch's token was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The loader is disposed, perhaps while waiting.</exception>
    /// <remarks>An exception of the source comes out here, in the place of the batch that it spoilt.</remarks>
    public bool TryNext(out Batch batch)
    {
        lock (_gate)
        {
            if (_held > 0)
            {
                _held = 0;
                _head = (_head + 1) % _ring.Length;
                Monitor.PulseAll(_gate);
            }

            while (!_disposed && !_canceled && _ready == 0 && _failure is null && _epoch >= 0 && _nextTake < BatchCount)
                Monitor.Wait(_gate);

            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_epoch < 0) throw new InvalidOperationException("Call StartEpoch before TryNext.");
            if (_canceled) throw new OperationCanceledException(_token);
            if (_ready == 0)
            {
                _failure?.Throw();
                batch = default;
                return false;
            }

            var slot = _ring[_head];
            _ready--;
            _held = 1;
            batch = new Batch(
                slot.Images.AsSpan(0, slot.Count * _source.SampleBytes), slot.Labels.AsSpan(0, slot.Count), _epoch,
                _nextTake++);
            return true;
        }
    }

    /// <summary>Stops the thread and waits for it; a waiting <see cref="TryNext"/> throws.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            Monitor.PulseAll(_gate);
        }

        _registration.Dispose();
        // A source that disposes its own loader would wait for itself.
        if (Thread.CurrentThread != _thread) _thread.Join();
    }

    /// <summary>
    /// The order of an epoch's samples, for all who must agree on it. <paramref name="random"/> is of
    /// <see cref="ShuffleStream"/>; null: not shuffled.
    /// </summary>
    internal static void Order(Span<int> order, Philox? random, int epoch)
    {
        for (var i = 0; i < order.Length; i++) order[i] = i;
        if (random is null) return;
        random.Seek((uint)epoch);
        random.Shuffle(order);
    }

    private void Cancel()
    {
        lock (_gate)
        {
            _canceled = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void Produce()
    {
        long ordered = 0; // the generation that _order belongs to
        while (WaitForWork(out var generation, out var epoch, out var index, out var slot))
        {
            ExceptionDispatchInfo? failure = null;
            try
            {
                if (ordered != generation) Order(_order, _shuffle ? _random : null, epoch);
                ordered = generation;
                Fill(slot, index);
            }
#pragma warning disable CA1031 // whatever the source throws belongs to the consumer
            catch (Exception error)
#pragma warning restore CA1031
            {
                failure = ExceptionDispatchInfo.Capture(error);
            }

            lock (_gate)
            {
                if (generation != _generation) continue;
                _failure = failure;
                if (failure is null)
                {
                    _nextFill++;
                    _ready++;
                }

                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool WaitForWork(out long generation, out int epoch, out int index, out Slot slot)
    {
        lock (_gate)
        {
            while (!_disposed && !HasWork()) Monitor.Wait(_gate);
            generation = _generation;
            epoch = _epoch;
            index = _nextFill;
            slot = _ring[(_head + _held + _ready) % _ring.Length];
            return !_disposed;
        }
    }

    private bool HasWork() =>
        _epoch >= 0 && _nextFill < BatchCount && _held + _ready < _ring.Length && _failure is null && !_canceled;

    private void Fill(Slot slot, int index)
    {
        var start = index * _batch;
        slot.Count = Math.Min(_batch, _order.Length - start);
        _source.Read(
            _order.AsSpan(start, slot.Count), slot.Images.AsSpan(0, slot.Count * _source.SampleBytes),
            slot.Labels.AsSpan(0, slot.Count));
    }

    // Pinned, so that native code may read a batch while the collector runs.
    private sealed class Slot(int batch, int sampleBytes)
    {
        internal readonly byte[] Images = GC.AllocateUninitializedArray<byte>(batch * sampleBytes, pinned: true);
        internal readonly int[] Labels = GC.AllocateUninitializedArray<int>(batch, pinned: true);
        internal int Count;
    }
}
