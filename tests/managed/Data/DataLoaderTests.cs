using DeepNative.Data;
using FsCheck;
using FsCheck.Fluent;

namespace DeepNative.Tests.Data;

[TestFixture]
[CancelAfter(60_000)]
public sealed class DataLoaderTests
{
    // Sample i holds the bytes of i and the label i, so that each batch shows what it is made of.
    private sealed class Counting(int count) : ISampleSource
    {
        internal int FailAt { get; init; } = -1;

        internal ManualResetEventSlim Gate { get; } = new(true);

        public int Count => count;

        public int SampleBytes => sizeof(int);

        public void Read(ReadOnlySpan<int> indices, Span<byte> images, Span<int> labels)
        {
            Gate.Wait();
            for (var i = 0; i < indices.Length; i++)
            {
                if (indices[i] == FailAt) throw new IOException($"sample {FailAt} is unreadable");
                BitConverter.TryWriteBytes(images[(i * sizeof(int))..], indices[i]);
                labels[i] = indices[i];
            }
        }
    }

    private static List<int[]> Epoch(DataLoader loader, int epoch, int firstBatch = 0)
    {
        var batches = new List<int[]>();
        loader.StartEpoch(epoch, firstBatch);
        while (loader.TryNext(out var batch))
        {
            Assert.That(batch.Index, Is.EqualTo(firstBatch + batches.Count));
            Assert.That(batch.Epoch, Is.EqualTo(epoch));
            Assert.That(batch.Images.Length, Is.EqualTo(batch.Count * sizeof(int)));
            for (var i = 0; i < batch.Count; i++)
                if (BitConverter.ToInt32(batch.Images[(i * sizeof(int))..]) != batch.Labels[i])
                    Assert.Fail($"image and label {i} of batch {batch.Index} are of different samples");
            batches.Add(batch.Labels.ToArray());
        }

        return batches;
    }

    [Test]
    public void EverySampleComesOnceAnEpoch() =>
        Prop.ForAll(
            Gen.Choose(1, 200).ToArbitrary(), Gen.Choose(1, 70).ToArbitrary(), Gen.Choose(0, 7).ToArbitrary(),
            (count, batch, options) =>
            {
                bool shuffle = (options & 1) != 0, dropLast = (options & 2) != 0 && count >= batch;
                using var loader = new DataLoader(
                    new Counting(count), batch, shuffle, seed: 5, dropLast, prefetch: 1 + (options >> 2));
                var batches = Epoch(loader, epoch: 3);
                var kept = dropLast ? count / batch * batch : count;
                var seen = batches.SelectMany(labels => labels).ToList();
                return batches.Count == loader.BatchCount
                    && seen.Count == kept
                    && seen.Distinct().Count() == kept
                    && (shuffle || seen.SequenceEqual(Enumerable.Range(0, kept)))
                    && batches.SkipLast(1).All(labels => labels.Length == Math.Min(batch, count));
            }).QuickCheckThrowOnFailure();

    [Test]
    public void OrderDependsOnSeedAndEpochOnly()
    {
        using var loader = new DataLoader(new Counting(1000), batch: 64, shuffle: true, seed: 1);
        using var other = new DataLoader(new Counting(1000), batch: 64, shuffle: true, seed: 2, prefetch: 7);
        using var twin = new DataLoader(new Counting(1000), batch: 64, shuffle: true, seed: 1, prefetch: 1);
        var first = Epoch(loader, 0).SelectMany(labels => labels).ToArray();
        var second = Epoch(loader, 1).SelectMany(labels => labels).ToArray();
        Assert.That(second, Is.Not.EqualTo(first));
        Assert.That(Epoch(other, 0).SelectMany(labels => labels), Is.Not.EqualTo(first));
        Assert.That(Epoch(twin, 1).SelectMany(labels => labels), Is.EqualTo(second));
        Assert.That(Epoch(twin, 0).SelectMany(labels => labels), Is.EqualTo(first));
        Assert.That(Epoch(loader, 0).SelectMany(labels => labels), Is.EqualTo(first), "again, by the same loader");
    }

    [Test]
    public void ShuffleIsTheDocumentedOne()
    {
        using var loader = new DataLoader(new Counting(100), batch: 100, shuffle: true, seed: 77);
        var expected = Enumerable.Range(0, 100).ToArray();
        new Philox(77, stream: 0x73687566, offset: 4).Shuffle(expected);
        Assert.That(Epoch(loader, 4)[0], Is.EqualTo(expected));
    }

    [Test]
    public void ResumesAtAnyBatch()
    {
        using var loader = new DataLoader(new Counting(1000), batch: 64, shuffle: true, seed: 9);
        var whole = Epoch(loader, 2);
        for (var from = 0; from <= whole.Count; from++)
        {
            using var resumed = new DataLoader(new Counting(1000), batch: 64, shuffle: true, seed: 9);
            Assert.That(Epoch(resumed, 2, from), Is.EqualTo(whole.Skip(from)), $"from batch {from}");
        }
    }

    [Test]
    public void StartingAnewDropsWhatWasUnderWay()
    {
        using var loader = new DataLoader(new Counting(1000), batch: 10, shuffle: true, seed: 9);
        var whole = Epoch(loader, 0);
        for (var take = 0; take < 30; take++)
        {
            loader.StartEpoch(1);
            for (var i = 0; i < take; i++) Assert.That(loader.TryNext(out _), Is.True);
            Assert.That(Epoch(loader, 0), Is.EqualTo(whole), $"after {take} batches of another epoch");
        }
    }

    [Test]
    public void BatchStaysUnchangedUntilTheNextCall()
    {
        using var loader = new DataLoader(new Counting(1000), batch: 10, prefetch: 1);
        loader.StartEpoch(0);
        for (var index = 0; loader.TryNext(out var batch); index++)
        {
            if (index % 10 == 0) Thread.Sleep(5); // time enough for the thread to overwrite it
            for (var i = 0; i < batch.Count; i++) Assert.That(batch.Labels[i], Is.EqualTo(index * 10 + i));
        }
    }

    [Test]
    public unsafe void BuffersArePinned()
    {
        using var loader = new DataLoader(new Counting(1000), batch: 10, prefetch: 2);
        var addresses = new HashSet<nint>();
        for (var epoch = 0; epoch < 3; epoch++)
        {
            loader.StartEpoch(epoch);
            while (loader.TryNext(out var batch))
                fixed (byte* images = batch.Images) addresses.Add((nint)images);
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
        }

        Assert.That(addresses, Has.Count.EqualTo(3), "a ring of three buffers, at the same place after collections");
    }

    [Test]
    [NonParallelizable]
    public void SteadyStateAllocatesNothing()
    {
        var set = new ImageDataset("toy", new byte[2000 * 784], new int[2000], ["a"], 1, 28, 28);
        using var loader = new DataLoader(set, batch: 10, shuffle: true, seed: 1);
        Drain(loader, 0);
        Drain(loader, 1);
        loader.StartEpoch(2);
        for (var i = 0; i < 10; i++) loader.TryNext(out _);

        var mine = GC.GetAllocatedBytesForCurrentThread();
        var all = GC.GetTotalAllocatedBytes(precise: true);
        var batches = 0;
        while (loader.TryNext(out _)) batches++;
        mine = GC.GetAllocatedBytesForCurrentThread() - mine;
        all = GC.GetTotalAllocatedBytes(precise: true) - all;
        Assert.That(batches, Is.EqualTo(190));
        Assert.That(mine, Is.Zero, "bytes on the consumer's thread");
        Assert.That(all, Is.LessThan(190), "bytes on all threads, the test host's included: below one a batch");

        static void Drain(DataLoader loader, int epoch)
        {
            loader.StartEpoch(epoch);
            while (loader.TryNext(out _))
            {
            }
        }
    }

    [Test]
    public void FailureOfTheSourceComesOutInItsPlace()
    {
        using var loader = new DataLoader(new Counting(100) { FailAt = 35 }, batch: 10);
        loader.StartEpoch(0);
        for (var i = 0; i < 3; i++) Assert.That(loader.TryNext(out _), Is.True);
        Assert.That(() => loader.TryNext(out _), Throws.TypeOf<IOException>().With.Message.Contains("sample 35"));
        Assert.That(() => loader.TryNext(out _), Throws.TypeOf<IOException>(), "and stays");
        Assert.That(Epoch(loader, 1, firstBatch: 4), Has.Count.EqualTo(6), "the loader lives on");
    }

    [Test]
    public void CancellationEndsTheWait()
    {
        var source = new Counting(100);
        using var loader = new DataLoader(source, batch: 10);
        source.Gate.Reset();
        using var cancel = new CancellationTokenSource(50);
        loader.StartEpoch(0, token: cancel.Token);
        Assert.That(() => loader.TryNext(out _), Throws.InstanceOf<OperationCanceledException>());
        loader.StartEpoch(0, token: cancel.Token);
        Assert.That(() => loader.TryNext(out _), Throws.InstanceOf<OperationCanceledException>(), "cancelled before");
        source.Gate.Set();
        Assert.That(Epoch(loader, 0), Has.Count.EqualTo(10));
    }

    [Test]
    public void DisposeEndsTheWaitAndTheThread()
    {
        var source = new Counting(100);
        var loader = new DataLoader(source, batch: 10);
        source.Gate.Reset();
        loader.StartEpoch(0);
        var waiting = Task.Run(() => loader.TryNext(out _));
        var disposing = Task.Run(loader.Dispose);
        Assert.That(() => waiting.GetAwaiter().GetResult(), Throws.TypeOf<ObjectDisposedException>());
        source.Gate.Set();
        disposing.Wait();
        loader.Dispose();
        Assert.That(() => loader.TryNext(out _), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => loader.StartEpoch(0), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void WrongUseIsNamed()
    {
        Assert.That(() => new DataLoader(new Counting(0), batch: 1), Throws.ArgumentException.With.Message.Contains("empty"));
        Assert.That(() => new DataLoader(new Counting(9), batch: 10, dropLast: true), Throws.ArgumentException);
        Assert.That(() => new DataLoader(new Counting(9), batch: 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        using var loader = new DataLoader(new Counting(9), batch: 4);
        Assert.That(() => loader.TryNext(out _), Throws.InvalidOperationException);
        Assert.That(() => loader.StartEpoch(0, firstBatch: 4), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => loader.StartEpoch(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
