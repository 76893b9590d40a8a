using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Operators;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Training on each device, with nets small enough for the simulated GPU.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.Names))]
internal sealed class DeviceTrainingTests(string name)
{
    private const int Examples = 22;
    private const int Batch = 8;
    private const int StepsPerEpoch = 3;

    private Device _device = null!;
    private Device _cpu = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _device = Device.Open(name, threads: 1);
        _cpu = TestMachine.Open();
    }

    [OneTimeTearDown]
    public void Close()
    {
        _device?.Dispose();
        _cpu?.Dispose();
    }

    [Test]
    public void The_MNIST_net_has_the_losses_of_the_cpu()
    {
        var data = Synthetic.Images(3 * Batch);
        var expected = Losses(_cpu);
        var found = Losses(_device);
        for (var step = 0; step < expected.Length; step++)
            Assert.That(found[step], Is.EqualTo(expected[step]).Within(1e-4), $"step {step + 1}");

        // One step a call, so that its loss comes back alone.
        double[] Losses(Device device)
        {
            using var trainer = new Trainer(MnistNet.Create(), new SoftmaxCrossEntropy(), new Sgd(0.1f, momentum: 0.9f), device, seed: 7);
            return [.. Enumerable.Range(0, 3).Select(step => trainer.Fit(data.Slice(step * Batch, Batch), epochs: 1, batch: Batch).Loss)];
        }
    }

    [Test]
    public void Random_numbers_and_dropout_masks_are_those_of_the_cpu()
    {
        var (expected, found) = (Draw(_cpu), Draw(_device));
        Assert.That(found.Uniform, Is.EqualTo(expected.Uniform));
        Assert.That(found.Mask, Is.EqualTo(expected.Mask));
        Assert.That(found.State, Is.EqualTo(expected.State));
        Assert.That(found.Normal, Is.EqualTo(expected.Normal).Within(1e-5f), "up to the rounding of ln, cos and sin");
    }

    [TestCase(false)]
    [TestCase(true)]
    public void The_same_seed_gives_the_same_bits(bool keep)
    {
        var first = Train(keep).Weights;
        Assert.That(Train(keep).Weights, Is.EqualTo(first));
        Assert.That(Train(keep, seed: 6).Weights, Is.Not.EqualTo(first));
    }

    [Test]
    public void Data_on_the_device_gives_the_bits_of_data_that_is_fed()
    {
        var (fed, fedResult) = Train(keep: false, validate: true);
        var (kept, keptResult) = Train(keep: true, validate: true);
        Assert.That((fedResult.DataOnDevice, keptResult.DataOnDevice), Is.EqualTo((false, true)));
        Assert.That(keptResult.Loss, Is.EqualTo(fedResult.Loss));
        Assert.That(keptResult.Validation! with { Seconds = 0 }, Is.EqualTo(fedResult.Validation! with { Seconds = 0 }));
        Assert.That(kept, Is.EqualTo(fed));
    }

    [TestCase(false, 1)]
    [TestCase(true, 1)]
    [TestCase(true, StepsPerEpoch)]
    [TestCase(true, StepsPerEpoch + 2)]
    public void A_stopped_run_goes_on_exactly(bool keep, int step)
    {
        using var folder = new TemporaryFolder();
        var (whole, wholeResult) = Train(keep);
        using (var trainer = MakeTrainer(keep))
        using (var source = new CancellationTokenSource())
        {
            var result = trainer.Fit(
                Data(), epochs: 2, batch: Batch, progress: new Stop(source, step), checkpoint: new CheckpointOptions(folder.File("run"), EveryEpochs: 0),
                cancellation: source.Token);
            Assert.That((result.Completed, result.Steps), Is.EqualTo((false, (long)step)));
        }

        using var resumed = MakeTrainer(keep);
        resumed.Resume(folder.File("run"));
        Assert.That(resumed.Fit(Data(), epochs: 2, batch: Batch).Loss, Is.EqualTo(wholeResult.Loss));
        Assert.That(TrainerTests.Weights(resumed.Model), Is.EqualTo(whole));
    }

    [Test]
    public void Predictions_are_those_of_the_cpu()
    {
        using var folder = new TemporaryFolder();
        using (var trainer = MakeTrainer(keep: true))
        {
            trainer.Fit(Data(), epochs: 1, batch: Batch);
            trainer.Save(folder.File("weights"));
        }

        var images = Data().Images.Span[..(3 * 144)];
        var (expected, found) = (Predict(_cpu, images), Predict(_device, images));
        Assert.That(found, Is.EqualTo(expected).Within(1e-5f));

        float[] Predict(Device device, ReadOnlySpan<byte> inputs)
        {
            using var predictor = Predictor.Open(folder.File("weights"), device, TrainerTests.Net());
            var prediction = predictor.Predict(inputs);
            return [.. Enumerable.Range(0, 3).SelectMany(i => prediction[i].ToArray())];
        }
    }

    [Test]
    public void Trainers_on_several_threads_do_not_disturb_each_other()
    {
        ulong[] seeds = [1, 2, 3];
        var alone = seeds.Select(seed => Train(keep: seed != 2, seed).Weights).ToArray();
        var together = new float[seeds.Length][];
        var failures = new List<Exception>();
        var threads = seeds.Select((seed, i) => new Thread(() =>
        {
            try
            {
                together[i] = Train(keep: seed != 2, seed).Weights;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                lock (failures) failures.Add(e);
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.That(failures, Is.Empty);
        Assert.That(together, Is.EqualTo(alone));
    }

    [Test]
    public void An_evaluation_inside_an_epoch_does_not_disturb_it()
    {
        var (whole, _) = Train(keep: true);
        using var trainer = MakeTrainer(keep: true);
        var errors = new List<double>();
        trainer.Fit(Data(), epochs: 2, batch: Batch, progress: new Evaluate(() => errors.Add(trainer.Evaluate(Data(), batch: 5).Error)));
        Assert.That(errors, Has.Count.EqualTo(2 * StepsPerEpoch));
        Assert.That(TrainerTests.Weights(trainer.Model), Is.EqualTo(whole));
    }

    [Test]
    public void Everything_is_freed_with_the_trainer()
    {
        // A first use may leave something in place for all later ones.
        Train(keep: true, validate: true);
        var before = _device.Memory;
        Train(keep: true, validate: true);
        Assert.That(_device.Memory.LiveCount, Is.EqualTo(before.LiveCount));
        Assert.That(_device.Memory.UsedBytes, Is.EqualTo(before.UsedBytes));
    }

    private static ImageDataset Data() => Synthetic.Images(Examples, size: 12);

    private Trainer MakeTrainer(bool keep, ulong seed = 5) => new(
        TrainerTests.Net(), new SoftmaxCrossEntropy(), new Adam(0.01f), _device, seed,
        new TrainerOptions { KeepDataOnDevice = keep, ProgressInterval = TimeSpan.Zero });

    private (float[] Weights, FitResult Result) Train(bool keep, ulong seed = 5, bool validate = false)
    {
        using var trainer = MakeTrainer(keep, seed);
        var result = trainer.Fit(Data(), epochs: 2, batch: Batch, validation: validate ? Synthetic.Images(11, seed: 2, size: 12) : null);
        return (TrainerTests.Weights(trainer.Model), result);
    }

    private static (float[] Uniform, float[] Normal, float[] Mask, long[] State) Draw(Device device)
    {
        Shape shape = [3, 171];
        using var state = new Tensor(device, DType.Int64, [2]);
        state.Write<long>([0x5DEECE66D, 8]);
        using var ones = new Tensor(device, DType.Float32, shape);
        ones.Write<float>([.. Enumerable.Repeat(1f, (int)shape.Count)]);
        using var uniform = new Tensor(device, DType.Float32, shape);
        using var normal = new Tensor(device, DType.Float32, shape);
        using var mask = new Tensor(device, DType.Float32, shape);
        var graph = new Graph(training: true);
        var bound = graph.Bind(state, "state");
        graph.Store(DeepNative.Operators.Random.Uniform(bound, shape), uniform);
        graph.Store(DeepNative.Operators.Random.Normal(bound, shape), normal);
        // As Dropout computes it.
        graph.Store(graph.Bind(ones, "ones") * DeepNative.Operators.Random.Bernoulli(bound, shape, 0.7f) * (1f / 0.7f), mask);
        using var program = graph.Compile(device);
        program.Run();
        program.Run();
        return (uniform.ToArray<float>(), normal.ToArray<float>(), mask.ToArray<float>(), state.ToArray<long>());
    }

    private sealed class Stop(CancellationTokenSource source, int step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == step) source.Cancel();
        }
    }

    private sealed class Evaluate(Action evaluate) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => evaluate();
    }
}
