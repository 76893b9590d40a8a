using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Serialization;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Training with 16-bit products against the same training in float32.</summary>
internal sealed class MixedPrecisionTests
{
    private const int Examples = 48;
    private const int Batch = 16;

    private static readonly ImageDataset _images = Synthetic.Images(Examples, classes: 4, channels: 3, size: 8);

    private static IEnumerable<string> Devices => TestDevices.Names;

    private static readonly Precision[] _short = [Precision.BFloat16, Precision.Float16];

    // Convolutions with and without blocks of 16 channels, batch norm, both poolings, a residual sum, a linear layer.
    private static Sequential Net() => new(
        new Conv2d(3, 16, 3, padding: 1), new BatchNorm(16), new ReLU(), new MaxPool2d(2),
        new Residual(new Sequential(new Conv2d(16, 16, 3, padding: 1, bias: false), new BatchNorm(16))), new ReLU(),
        new Conv2d(16, 6, 1), new AvgPool2d(2), new Flatten(), new Linear(24, 4));

    private sealed class WithSideHead : Layer
    {
        private readonly Layer _trunk;
        private readonly Layer _side;
        private readonly Layer _head;

        public WithSideHead()
        {
            _trunk = AddChild("trunk", new Sequential(new Conv2d(3, 16, 3, stride: 2, padding: 1), new ReLU()));
            _side = AddChild("side", new Sequential(new GlobalAvgPool(), new Flatten(), new Linear(16, 4)));
            _head = AddChild("head", new Sequential(new Conv2d(16, 16, 3), new ReLU(), new GlobalAvgPool(), new Flatten(), new Linear(16, 4)));
        }

        protected override Value Build(Value input)
        {
            var trunk = _trunk.Forward(input);
            if (input.Graph.Training) input.Graph.AddAuxiliary(_side.Forward(trunk), 0.3f);
            return _head.Forward(trunk);
        }
    }

    private static (List<double> Losses, Dictionary<string, float[]> Weights) Train(
        string device, TrainerOptions options, Func<Layer>? net = null, int epochs = 4, Optimizer? rule = null,
        string? checkpoint = null, bool resume = false, int stopAfter = int.MaxValue)
    {
        using var trainer = new Trainer((net ?? Net)(), new SoftmaxCrossEntropy(), rule ?? new Sgd(0.05f, momentum: 0.9f), TestDevices.Get(device), seed: 3, options);
        if (resume) trainer.Resume(checkpoint!);
        var losses = new List<double>();
        using var stop = new CancellationTokenSource();
        var progress = new Immediate(value =>
        {
            if (value.IsEpochEnd) losses.Add(value.Loss);
            if (value.Epoch >= stopAfter) stop.Cancel();
        });
        trainer.Fit(
            _images, epochs, Batch, progress: progress,
            checkpoint: checkpoint is null ? null : new CheckpointOptions(checkpoint, 1), cancellation: stop.Token);
        Assert.That(trainer.Model.Parameters().Select(parameter => parameter.Tensor!.DType), Is.All.EqualTo(DType.Float32));
        return (losses, trainer.Model.Parameters().ToDictionary(parameter => parameter.Name, parameter => parameter.Tensor!.ToArray<float>()));
    }

    private sealed class Immediate(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }

    // Each of the about 10 rounded steps of a pass is off by half a unit in the last place, in random directions; losses
    // are below 2 and 12 steps of momentum carry the errors on.
    private static double Tolerance(Precision precision) => 2 * 12 * Math.Sqrt(10) * (precision == Precision.BFloat16 ? 1.0 / 512 : 1.0 / 4096);

    [Test]
    public void The_loss_follows_float32s([ValueSource(nameof(Devices))] string device, [ValueSource(nameof(_short))] Precision precision)
    {
        var (exact, _) = Train(device, new TrainerOptions());
        var (rounded, _) = Train(device, new TrainerOptions { Precision = precision });
        Assert.That(exact[^1], Is.LessThan(0.7 * exact[0]), "float32 learns nothing here");
        Assert.That(rounded, Is.Not.EqualTo(exact));
        for (var i = 0; i < exact.Count; i++) Assert.That(rounded[i], Is.EqualTo(exact[i]).Within(Tolerance(precision)), $"epoch {i}");
    }

    [Test]
    public void Twice_gives_the_same_bits([ValueSource(nameof(Devices))] string device, [ValueSource(nameof(_short))] Precision precision)
    {
        var first = Train(device, new TrainerOptions { Precision = precision }, epochs: 2);
        var second = Train(device, new TrainerOptions { Precision = precision }, epochs: 2);
        Assert.That(second.Losses, Is.EqualTo(first.Losses));
        Assert.That(second.Weights, Is.EqualTo(first.Weights));
    }

    [Test]
    public void A_resumed_run_gives_the_same_bits([ValueSource(nameof(_short))] Precision precision)
    {
        using var folder = new TemporaryFolder();
        var options = new TrainerOptions { Precision = precision, LossScaling = precision == Precision.Float16 ? new LossScaling(1024f, growthInterval: 2) : null };
        var whole = Train("cpu", options, epochs: 4, checkpoint: folder.File("whole.safetensors"));
        Train("cpu", options, epochs: 4, checkpoint: folder.File("part.safetensors"), stopAfter: 2);
        var resumed = Train("cpu", options, epochs: 4, checkpoint: folder.File("part.safetensors"), resume: true);
        Assert.That(resumed.Weights, Is.EqualTo(whole.Weights));
    }

    [Test]
    public void Side_outputs_and_collected_gradients_train([ValueSource(nameof(Devices))] string device, [ValueSource(nameof(_short))] Precision precision)
    {
        var options = new TrainerOptions { AccumulationSteps = 2, Clipping = GradientClipping.ByNorm(1f), Averaging = new ExponentialAverage(0.9f) };
        var (exact, _) = Train(device, options, () => new WithSideHead(), epochs: 2, new Adam(0.01f));
        var (rounded, _) = Train(device, options with { Precision = precision }, () => new WithSideHead(), epochs: 2, new Adam(0.01f));
        Assert.That(rounded[^1], Is.EqualTo(exact[^1]).Within(Tolerance(precision)));
    }

    // A regression whose gradients, about 1e-9, lie below float16's smallest number, 6e-8, unless they are scaled.
    [Test]
    public void Scaling_saves_gradients_from_vanishing([ValueSource(nameof(Devices))] string device)
    {
        const float Small = 1.8e-4f;
        var (before, unscaled) = Regress(device, Small, 3e6f, new LossScaling(1f, growthInterval: 0), steps: 20);
        Assert.That(unscaled, Is.EqualTo(before), "it learns without scaling: the test shows nothing");
        var (_, scaled) = Regress(device, Small, 3e6f, scaling: null, steps: 20);
        Assert.That(scaled, Is.LessThan(0.1 * before));
    }

    // Gradients of about 0.05 become infinite in float16 at first; each step that is left out halves the scale.
    [Test]
    public void A_step_with_infinite_gradients_is_left_out([ValueSource(nameof(Devices))] string device)
    {
        var (before, one) = Regress(device, 1f, 0.05f, new LossScaling(LossScaling.Highest), steps: 1);
        Assert.That(one, Is.EqualTo(before));
        var (_, many) = Regress(device, 1f, 0.05f, new LossScaling(LossScaling.Highest), steps: 40);
        Assert.That(many, Is.LessThan(0.1 * before));
    }

    [Test]
    public void A_step_that_is_left_out_shows_in_no_clipping_and_no_average([ValueSource(nameof(Devices))] string device)
    {
        var clipped = new TrainerOptions { Clipping = GradientClipping.ByValue(0.1f), Averaging = new ExponentialAverage(0.5f) };
        var (before, after) = Regress(device, 1f, 0.05f, new LossScaling(LossScaling.Highest), steps: 1, clipped, averaged: 0);
        Assert.That(after, Is.EqualTo(before));
        Regress(device, 1f, 0.05f, new LossScaling(1f), steps: 3, clipped, averaged: 3);
    }

    private static (double Before, double After) Regress(
        string device, float factor, float rate, LossScaling? scaling, int steps, TrainerOptions? others = null, long? averaged = null)
    {
        var inputs = new float[2 * 64];
        new Philox(1).FillUniform(inputs, -1f, 1f);
        var targets = new float[64];
        for (var i = 0; i < targets.Length; i++) targets[i] = factor * (2f * inputs[2 * i] - 3f * inputs[2 * i + 1]);
        var data = new TensorDataset(new Shape(2), inputs, new Shape(1), targets, "plane");
        var options = (others ?? new TrainerOptions()) with { Precision = Precision.Float16, LossScaling = scaling };
        using var trainer = new Trainer(
            new Times(factor), new SquaredError(), new Sgd(rate, momentum: 0.5f), TestDevices.Get(device), seed: 1, options);
        var before = trainer.Evaluate(data).Loss;
        trainer.Fit(data, new FitOptions { Epochs = steps, Batch = 64 });
        if (averaged is not null)
        {
            using var folder = new TemporaryFolder();
            trainer.SaveCheckpoint(folder.File("run.safetensors"));
            using var file = SafeTensors.Open(folder.File("run.safetensors"));
            var count = new long[1];
            file.Read<long>("average.count", count);
            Assert.That(count[0], Is.EqualTo(averaged));
        }

        return (before, trainer.Evaluate(data).Loss);
    }

    private sealed class Times : Layer
    {
        private readonly Layer _linear;
        private readonly float _factor;

        public Times(float factor)
        {
            _factor = factor;
            _linear = AddChild("linear", new Linear(2, 1));
        }

        protected override Value Build(Value input) => _linear.Forward(input) * _factor;
    }
}
