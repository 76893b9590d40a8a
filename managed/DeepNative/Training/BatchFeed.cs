using System.Diagnostics;
using System.Runtime.InteropServices;
using DeepNative.Data;

namespace DeepNative.Training;

/// <summary>
/// Brings batches into a program's inputs, in the order of an epoch: read by the program itself from a
/// data set on the device, or gathered straight into memory that the device shares, or by a
/// <see cref="DataLoader"/>'s thread and an asynchronous copy, with further threads where examples take work. All give
/// the same batches; none allocates in a step.
/// </summary>
internal sealed class BatchFeed : IDisposable
{
    private readonly IExampleSource _source;
    private readonly int _batch;
    private readonly int[] _order = [];
    private readonly Philox? _random;
    private readonly DeviceCursor? _cursor;
    private readonly DataLoader? _loader;
    private readonly DeviceEvent? _copied;
    private readonly int _inputBytes;
    private readonly int _targetBytes;
    private readonly int _weightBytes;
    private readonly IRandomExampleSource? _made;
    private readonly WorkerTeam? _team;
    private readonly ulong? _seed;
    private int _next;
    private int _epoch;
    private long _waited;

    private BatchFeed(
        Device device, IExampleSource source, int batch, ulong? seed, bool shuffle, DeviceDataset? data, DeviceCursor? cursor, FeedOptions options)
    {
        _source = source;
        _made = source as IRandomExampleSource;
        _seed = seed;
        _batch = batch;
        _inputBytes = checked((int)source.InputShape.Count * source.InputType.Size());
        _targetBytes = checked((int)source.TargetShape.Count * source.TargetType.Size());
        _weightBytes = checked((int)(source.WeightShape?.Count ?? 0) * sizeof(float));
        BatchCount = (int)(((long)source.Count + batch - 1) / batch);
        Data = data;
        SharesMemory = data is null && !options.Prefetch && _made is null && device.Info.UsesHostMemory && !device.Info.IsAsynchronous;
        if (shuffle) _random = new Philox(seed!.Value, DataLoader.ShuffleStream);
        if (data is not null)
        {
            _cursor = cursor;
            data.Readers++;
        }
        else if (SharesMemory)
        {
            _order = new int[source.Count];
        }
        else
        {
            var blocks = new Blocks(this);
            if (_made is not null) _team = new WorkerTeam(Math.Min(batch, options.WorkersFor(device)), blocks.Make);
            _loader = new DataLoader(blocks, batch, shuffle, seed ?? 0);
            _copied = new DeviceEvent(device);
        }
    }

    /// <summary>Batches in an epoch; the last may be smaller.</summary>
    public int BatchCount { get; }

    /// <summary>The data set that programs read on the device; null: they are fed.</summary>
    public DeviceDataset? Data { get; }

    /// <summary>What the targets of a batch are.</summary>
    public TargetSpec Target => new(_source.TargetShape, _source.TargetType);

    /// <summary>The shape of the weights of one target; null: there are none.</summary>
    public Shape? WeightShape => _source.WeightShape;

    /// <summary>Whether batches are written where the device reads them.</summary>
    public bool SharesMemory { get; }

    /// <summary>Time that <see cref="Next"/> took for a batch to be ready, gathering in this thread included.</summary>
    public TimeSpan Waited => Stopwatch.GetElapsedTime(0, _waited);

    /// <summary>The batches of training, in a new order each epoch where that is asked for.</summary>
    public static BatchFeed ForTraining(
        Device device, IExampleSource source, int batch, ulong seed, bool shuffle, DeviceDataset? data, FeedOptions options) =>
        new(device, source, batch, seed, shuffle, data, data?.Training, options);

    /// <summary>The batches of evaluation, in the data's order, nothing random in them.</summary>
    public static BatchFeed ForEvaluation(Device device, IExampleSource source, int batch, DeviceDataset? data, FeedOptions options) =>
        new(device, source, batch, seed: null, shuffle: false, data, data?.Evaluation, options);

    /// <summary>Examples in one batch of the epoch.</summary>
    public int CountOf(int index) => Math.Min(_batch, _source.Count - index * _batch);

    public void StartEpoch(int epoch, int firstBatch = 0)
    {
        _next = firstBatch;
        // Before the loader begins: what its thread still makes with the other number is dropped.
        _epoch = epoch;
        if (_cursor is not null) _cursor.Start(_random, epoch, (long)firstBatch * _batch);
        else if (_loader is not null) _loader.StartEpoch(epoch, firstBatch);
        else DataLoader.Order(_order, _random, epoch);
    }

    /// <summary>Fills the inputs of a program of the coming batch's size.</summary>
    public void Next(StepProgram program)
    {
        // A program that reads the device's data set moves on by itself.
        if (_cursor is not null) return;
        var start = Stopwatch.GetTimestamp();
        if (_loader is null)
        {
            var indices = _order.AsSpan(_next * _batch, program.Batch);
            _source.Gather(indices, program.Input!.Memory, program.Target!.Memory);
            if (program.Weight is { } weight) _source.GatherWeights(indices, MemoryMarshal.Cast<byte, float>(weight.Memory));
            _waited += Stopwatch.GetTimestamp() - start;
        }
        else
        {
            // The loader reuses the memory of the batch before, which the device may still be reading.
            _copied!.Wait();
            start = Stopwatch.GetTimestamp();
            if (!_loader.TryNext(out var batch) || batch.Count != program.Batch)
                throw new InvalidOperationException($"batch {_next} is not one of {program.Batch} examples.");
            _waited += Stopwatch.GetTimestamp() - start;
            var inputs = program.Batch * _inputBytes;
            program.Input!.Tensor.WriteAsync(PinnedAddress.Of(batch.Images));
            program.Target!.Tensor.WriteAsync(PinnedAddress.Of(batch.Images[inputs..]));
            program.Weight?.Tensor.WriteAsync(PinnedAddress.Of(batch.Images[(inputs + program.Batch * _targetBytes)..]));
            _copied.Record();
        }

        _next++;
    }

    public void Dispose()
    {
        _cursor?.Stop();
        if (Data is not null) Data.Readers--;
        _loader?.Dispose();
        _team?.Dispose();
        // The loader's memory must outlive the copy out of it.
        _copied?.EndQuietly();
    }

    /// <summary>Examples as a loader wants them: a batch is one block, all inputs, then all targets and weights.</summary>
    private sealed class Blocks(BatchFeed feed) : ISampleSource
    {
        // What the team works at; its parts are examples.
        private int[] _indices = [];
        private int _count;
        private nint _block;
        private int _epoch;

        public int Count => feed._source.Count;

        public int SampleBytes => checked(feed._inputBytes + feed._targetBytes + feed._weightBytes);

        public unsafe void Read(ReadOnlySpan<int> indices, Span<byte> images, Span<int> labels)
        {
            var inputs = indices.Length * feed._inputBytes;
            var targets = indices.Length * feed._targetBytes;
            if (feed._team is { } team)
            {
                if (_indices.Length < indices.Length) _indices = new int[indices.Length];
                indices.CopyTo(_indices);
                // The loader's memory is pinned.
                (_count, _block, _epoch) = (indices.Length, PinnedAddress.Of<byte>(images), feed._epoch);
                team.Run(indices.Length);
            }
            else
            {
                feed._source.Gather(indices, images[..inputs], images.Slice(inputs, targets));
            }

            if (feed._weightBytes > 0)
                feed._source.GatherWeights(indices, MemoryMarshal.Cast<byte, float>(images.Slice(inputs + targets, indices.Length * feed._weightBytes)));
        }

        /// <summary>One example of the block, by one of the team's threads.</summary>
        public unsafe void Make(int part)
        {
            var (inputBytes, targetBytes) = (feed._inputBytes, feed._targetBytes);
            var block = (byte*)_block;
            var input = new Span<byte>(block + (long)part * inputBytes, inputBytes);
            var target = new Span<byte>(block + (long)_count * inputBytes + (long)part * targetBytes, targetBytes);
            var index = _indices.AsSpan(part, 1);
            if (feed._seed is { } seed) feed._made!.Gather(index, input, target, seed, _epoch);
            else feed._made!.Gather(index, input, target);
        }
    }
}
