using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Which data sets lie on the device, and for how long.</summary>
internal sealed class DeviceDatasetTests
{
    private Device _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = TestMachine.Open();

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void A_device_that_shares_host_memory_is_fed_unless_told_otherwise()
    {
        Assert.That(Fit(null).DataOnDevice, Is.False);
        Assert.That(Fit(false).DataOnDevice, Is.False);
        Assert.That(Fit(true).DataOnDevice, Is.True);

        FitResult Fit(bool? keep)
        {
            using var trainer = MakeTrainer(keep);
            return trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 1, Batch = 3 });
        }
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_device_with_its_own_memory_keeps_what_takes_a_quarter_of_it(string name)
    {
        var device = TestDevices.Get(name);
        using var datasets = new DeviceDatasets(device, keep: null, _ => { });
        using var kept = new DeviceDatasets(device, keep: true, _ => { });
        var own = !device.Info.UsesHostMemory;
        Assert.That(datasets.Find(Synthetic.Xor) is not null, Is.EqualTo(own));
        var huge = new Huge((int)Math.Min(int.MaxValue, device.Memory.AvailableBytes / 3 / Huge.ExampleBytes));
        Assert.That(datasets.Find(huge), Is.Null);
        Assert.That(kept.Find(new Huge(int.MaxValue)), Is.Null, "more than the host can gather at once");
    }

    [Test]
    public void Targets_that_are_numbers_and_sources_of_any_kind_work_as_well()
    {
        float[] Train(bool keep, IExampleSource data)
        {
            var model = new Linear(2, 1);
            using var trainer = new Trainer(
                model, new SquaredError(), new Sgd(0.3f), _device, seed: 1, new TrainerOptions { KeepDataOnDevice = keep });
            trainer.Fit(data, new FitOptions { Epochs = 3, Batch = 10 });
            return TrainerTests.Weights(model);
        }

        var fed = Train(keep: false, Synthetic.Plane(103));
        Assert.That(Train(keep: true, Synthetic.Plane(103)), Is.EqualTo(fed));
        Assert.That(Train(keep: true, new Plain(Synthetic.Plane(103))), Is.EqualTo(fed));
    }

    [Test]
    public void A_data_set_is_gathered_once_and_known_again()
    {
        var data = new Plain(Synthetic.Xor);
        using var trainer = MakeTrainer(keep: true);
        var options = new FitOptions { Epochs = 3, Batch = 3, Validation = data };
        trainer.Fit(data, options);
        trainer.Evaluate(data);
        trainer.Fit(data, options);
        Assert.That(data.Gathered, Is.EqualTo(1));
    }

    [Test]
    public void Three_are_kept_and_the_oldest_goes()
    {
        using var trainer = MakeTrainer(keep: true);
        Plain[] data = [.. Enumerable.Range(0, 4).Select(_ => new Plain(Synthetic.Xor))];
        foreach (var set in data[..3]) trainer.Evaluate(set, batch: 4);
        var live = _device.Memory.LiveCount;
        foreach (var set in data[1..]) trainer.Evaluate(set, batch: 4);
        Assert.That(_device.Memory.LiveCount, Is.EqualTo(live));
        Assert.That(data.Select(set => set.Gathered), Is.EqualTo(new[] { 1, 1, 1, 1 }));
        trainer.Evaluate(data[0], batch: 4);
        Assert.That(data.Select(set => set.Gathered), Is.EqualTo(new[] { 2, 1, 1, 1 }));
    }

    [Test]
    public void What_a_run_is_reading_stays()
    {
        var data = new Plain(Synthetic.Xor);
        using var trainer = MakeTrainer(keep: true);
        var others = new Queue<Plain>(Enumerable.Range(0, 8).Select(_ => new Plain(Synthetic.Xor)));
        trainer.Fit(data, new FitOptions { Epochs = 2, Batch = 1, Progress = new Evaluate(() => trainer.Evaluate(others.Dequeue())) });
        Assert.That(others, Is.Empty);
        using var undisturbed = MakeTrainer(keep: true);
        undisturbed.Fit(new Plain(Synthetic.Xor), new FitOptions { Epochs = 2, Batch = 1 });
        Assert.That(TrainerTests.Weights(trainer.Model), Is.EqualTo(TrainerTests.Weights(undisturbed.Model)));
        Assert.That(data.Gathered, Is.EqualTo(1));
    }

    private Trainer MakeTrainer(bool? keep) => new(
        new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), _device, seed: 3,
        new TrainerOptions { KeepDataOnDevice = keep, ProgressInterval = TimeSpan.Zero });

    private sealed class Evaluate(Action evaluate) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => evaluate();
    }

    /// <summary>A data set that is only an IExampleSource, and counts how often it was asked.</summary>
    private sealed class Plain(TensorDataset data) : IExampleSource
    {
        public int Gathered { get; private set; }

        public string Name => data.Name;

        public int Count => data.Count;

        public Shape InputShape => data.InputShape;

        public DType InputType => data.InputType;

        public Shape TargetShape => data.TargetShape;

        public DType TargetType => data.TargetType;

        public int? MaxLabel => data.MaxLabel;

        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
        {
            data.Gather(indices, inputs, targets);
            Gathered++;
        }

        public Normalization? Statistics() => null;
    }

    /// <summary>More examples than there is room for.</summary>
    private sealed class Huge(int count) : IExampleSource
    {
        public const int ExampleBytes = 4 * 64 * 64 + 4;

        public string Name => "huge";

        public int Count => count;

        public Shape InputShape => new(64, 64);

        public DType InputType => DType.Float32;

        public Shape TargetShape => Shape.Scalar;

        public DType TargetType => DType.Int32;

        public int? MaxLabel => 1;

        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets) => Assert.Fail("it was gathered");

        public Normalization? Statistics() => null;
    }
}
