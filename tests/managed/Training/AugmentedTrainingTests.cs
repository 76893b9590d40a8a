using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Serialization;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Training on pictures that vary, on each device.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.Names))]
internal sealed class AugmentedTrainingTests(string name)
{
    private const int Examples = 22;
    private const int Batch = 8;

    private static readonly Augmentation _augmentation = new()
    {
        Padding = 1, Flip = 0.5f, Shift = 0.1f, Rotation = 15f, Scale = 0.1f, Elastic = 0.5f, Brightness = 0.2f, Cutout = 3, Mixup = 0.4f,
    };

    private Device _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = Device.Open(name, threads: 1);

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void All_ways_of_the_data_give_the_same_bits()
    {
        var fed = Train(_augmentation, keep: false);
        Assert.That(Train(_augmentation, keep: true), Is.EqualTo(fed));
        Assert.That(Train(_augmentation, keep: false, prefetch: true), Is.EqualTo(fed));
        Assert.That(Train(_augmentation, keep: false, seed: 6), Is.Not.EqualTo(fed));
        Assert.That(Train(null, keep: false), Is.Not.EqualTo(fed));
    }

    [TestCase(1)]
    [TestCase(4)]
    public void A_run_that_was_stopped_goes_on_exactly(int step)
    {
        using var folder = new TemporaryFolder();
        var checkpoint = folder.File("run.safetensors");
        var whole = Train(_augmentation, keep: false);
        using (var source = new CancellationTokenSource())
        using (var stopped = MakeTrainer(_augmentation, keep: false))
        {
            stopped.Fit(
                Data(), epochs: 2, Batch, progress: new Stop(source, step), checkpoint: new CheckpointOptions(checkpoint, EveryEpochs: 0),
                cancellation: source.Token);
        }

        using (var file = SafeTensors.Open(checkpoint)) Assert.That(file.Names, Does.Contain("random.augmentation"));
        // Its own seed does not count.
        using var resumed = MakeTrainer(_augmentation, keep: true, seed: 77);
        resumed.Resume(checkpoint);
        resumed.Fit(Data(), epochs: 2, Batch);
        Assert.That(TrainerTests.Weights(resumed.Model), Is.EqualTo(whole));
    }

    [Test]
    public void Evaluation_sees_whole_pictures_as_they_are()
    {
        using var varied = MakeTrainer(_augmentation with { WindowHeight = 14, WindowWidth = 14 }, keep: false);
        using var plain = MakeTrainer(null, keep: false);
        Assert.That(varied.Evaluate(Data()) with { Seconds = 0 }, Is.EqualTo(plain.Evaluate(Data()) with { Seconds = 0 }));
    }

    [Test]
    public void Nothing_but_normalising_gives_the_bits_of_training_without()
    {
        // A mirrored image of symmetric pixels is the image.
        var images = new byte[Examples * 9];
        var random = new Philox(3);
        for (var i = 0; i < Examples * 3; i++) images[3 * i] = images[3 * i + 2] = (byte)random.NextBelow(256);
        var labels = Enumerable.Range(0, Examples).Select(i => i % 2).ToArray();
        var data = new ImageDataset("symmetric", images, labels, ["a", "b"], 1, 3, 3);
        float[] Run(Augmentation? augmentation)
        {
            using var trainer = new Trainer(
                new Sequential(new Flatten(), new Linear(9, 2)), new SoftmaxCrossEntropy(), new Sgd(0.1f), _device, seed: 2,
                new TrainerOptions { Augmentation = augmentation });
            trainer.Fit(data, epochs: 2, Batch);
            return TrainerTests.Weights(trainer.Model);
        }

        Assert.That(Run(new Augmentation { Flip = 0.5f }), Is.EqualTo(Run(null)));
    }

    [TestCase(DType.UInt8, 0f)]
    [TestCase(DType.Int32, 0f)]
    [TestCase(DType.UInt8, 30f)]
    public void Masks_move_with_their_pictures(DType type, float rotation)
    {
        // A 1x1 convolution that tells black from white, and hardly learns.
        var model = new Conv2d(1, 2, 1);
        var data = new MaskData(type);
        var augmentation = new Augmentation
        {
            Padding = 3, WindowHeight = 10, WindowWidth = 12, Flip = 0.5f, VerticalFlip = 0.5f, Rotation = rotation,
        };
        double Loss(Augmentation? varied, bool keep)
        {
            using var trainer = new Trainer(
                model, new SoftmaxCrossEntropy(ignoreIndex: 255), new Sgd(1e-9f), _device, seed: 3,
                new TrainerOptions { Augmentation = varied, KeepDataOnDevice = keep, Normalization = new Normalization([0.5f], [1f]) });
            model.Parameters()[0].Tensor!.Write<float>([-40f, 40f]);
            model.Parameters()[1].Tensor!.Write<float>([0f, 0f]);
            Assert.That(trainer.Evaluate(data).Error, Is.Zero);
            return trainer.Fit(data, new FitOptions { Epochs = 3, Batch = 3 }).Loss;
        }

        Assert.That(Loss(null, keep: false), Is.Zero.Within(1e-6));
        // Between black and white the nearest class wins at the half, where the picture is grey.
        Assert.That(Loss(augmentation, keep: false), Is.Zero.Within(rotation > 0 ? 0.1 : 1e-6));
        Assert.That(Loss(augmentation, keep: true), Is.Zero.Within(rotation > 0 ? 0.1 : 1e-6));
    }

    [Test]
    public void Weights_move_with_their_masks()
    {
        // What is white weighs 5, what is black 0.25, and what is outside nothing.
        Shape pixels = [2, 6, 7];
        var random = new Philox(9);
        var labels = new byte[pixels.Count];
        var images = new byte[pixels.Count];
        var weights = new float[pixels.Count];
        for (var i = 0; i < labels.Length; i++)
        {
            labels[i] = (byte)random.NextBelow(2);
            (images[i], weights[i]) = labels[i] == 1 ? ((byte)255, 5f) : ((byte)0, 0.25f);
        }

        using var augmenter = new InputAugmenter(_device, new Augmentation { Padding = 2, Flip = 0.5f, WindowHeight = 8, WindowWidth = 8 }, seed: 5);
        using var image = new Tensor(_device, DType.UInt8, [2, 1, 6, 7]);
        image.Write<byte>(images);
        using var mask = new Tensor(_device, DType.UInt8, pixels);
        mask.Write<byte>(labels);
        using var weight = new Tensor(_device, DType.Float32, pixels);
        weight.Write<float>(weights);
        using var x = new Tensor(_device, DType.Float32, [2, 1, 8, 8]);
        using var y = new Tensor(_device, DType.Int32, [2, 8, 8]);
        using var w = new Tensor(_device, DType.Float32, [2, 8, 8]);
        var graph = new Graph(training: true);
        var (input, target, moved) = augmenter.Decode(graph.Bind(image, "image"), graph.Bind(mask, "mask"), graph.Bind(weight, "weight"), null, outside: -3);
        graph.Store(input, x);
        graph.Store(target, y);
        graph.Store(moved!, w);
        using var program = graph.Compile(_device);
        program.Run();
        var (inputs, targets, found) = (x.ToArray<float>(), y.ToArray<int>(), w.ToArray<float>());
        for (var i = 0; i < targets.Length; i++)
        {
            Assert.That(inputs[i], Is.EqualTo(targets[i] == 1 ? 1f : 0f), $"{i}");
            Assert.That(found[i], Is.EqualTo(targets[i] == 1 ? 5f : targets[i] == 0 ? 0.25f : 0f).Within(5f / 65535), $"{i}");
        }

        Assert.That(targets, Does.Contain(-3).And.Contain(0).And.Contain(1));
    }

    [Test]
    public void A_mixture_is_of_neighbours_and_of_their_losses()
    {
        const double Alpha = 0.4;
        using var augmenter = new InputAugmenter(_device, new Augmentation { Mixup = (float)Alpha }, seed: 5);
        using var x = new Tensor(_device, DType.Float32, [3, 2]);
        x.Write<float>([1f, 10f, 2f, 20f, 4f, 40f]);
        using var mixed = new Tensor(_device, DType.Float32, [3, 2]);
        using var loss = new Tensor(_device, DType.Float32, Shape.Scalar);
        var graph = new Graph(training: true);
        var mixture = augmenter.Mix(graph.Bind(x, "x"))!;
        graph.Store(mixture.Input, mixed);
        graph.Store(mixture.Mix(graph.Constant(1f), graph.Constant(0f)), loss);
        using var program = graph.Compile(_device);
        var parts = new double[400];
        for (var run = 0; run < parts.Length; run++)
        {
            program.Run();
            var part = loss.ToArray<float>()[0];
            float[] expected = [part * 1 + (1 - part) * 2, part * 10 + (1 - part) * 20, part * 2 + (1 - part) * 4, part * 20 + (1 - part) * 40, part * 4 + (1 - part) * 1, part * 40 + (1 - part) * 10];
            Assert.That(mixed.ToArray<float>(), Is.EqualTo(expected).Within(1e-5f));
            parts[run] = part;
        }

        // Four standard deviations of the mean; the variance of Beta(a, a) is 1 / (4 (2 a + 1)).
        var variance = 1 / (4 * (2 * Alpha + 1));
        Assert.That(parts.Average(), Is.EqualTo(0.5).Within(4 * Math.Sqrt(variance / parts.Length)));
        Assert.That(parts.Select(part => (part - 0.5) * (part - 0.5)).Average(), Is.EqualTo(variance).Within(0.25 * variance));
    }

    private static ImageDataset Data() => Synthetic.Images(Examples, size: 12);

    private Trainer MakeTrainer(Augmentation? augmentation, bool keep, ulong seed = 5, bool prefetch = false) => new(
        TrainerTests.Net(), new SoftmaxCrossEntropy(), new Adam(0.01f), _device, seed,
        new TrainerOptions { Augmentation = augmentation, KeepDataOnDevice = keep, Prefetch = prefetch, ProgressInterval = TimeSpan.Zero });

    private float[] Train(Augmentation? augmentation, bool keep, ulong seed = 5, bool prefetch = false)
    {
        using var trainer = MakeTrainer(augmentation, keep, seed, prefetch);
        trainer.Fit(Data(), epochs: 2, batch: Batch);
        return TrainerTests.Weights(trainer.Model);
    }

    private sealed class Stop(CancellationTokenSource source, int step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == step) source.Cancel();
        }
    }
}

/// <summary>White rectangles on black, with masks of the white.</summary>
internal sealed class MaskData(DType type) : IExampleSource
{
    private const int Height = 11, Width = 13;

    public string Name => "rectangles";

    public int Count => 5;

    public Shape InputShape => [1, Height, Width];

    public DType InputType => DType.UInt8;

    public Shape TargetShape => [Height, Width];

    public DType TargetType => type;

    public int? MaxLabel => 1;

    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
    {
        for (var i = 0; i < indices.Length; i++)
        {
            for (var place = 0; place < Height * Width; place++)
            {
                var (row, column) = (place / Width, place % Width);
                var white = row >= 2 && row < 5 + indices[i] && column >= 3 && column < 8 + indices[i];
                inputs[i * Height * Width + place] = white ? (byte)255 : (byte)0;
                if (type == DType.UInt8) targets[i * Height * Width + place] = white ? (byte)1 : (byte)0;
                else BitConverter.TryWriteBytes(targets[(4 * (i * Height * Width + place))..], white ? 1 : 0);
            }
        }
    }

    public Normalization? Statistics() => null;
}

internal sealed class AugmentationRefusalTests
{
    private static readonly Augmentation _turned = new() { Rotation = 5f };

    [TestCase(1.0)]
    [TestCase(0.5)]
    [TestCase(2.0)]
    [TestCase(0.2)]
    [TestCase(8.0)]
    public void Quantiles_of_beta_are_its_own(double alpha)
    {
        var table = BetaQuantiles.Symmetric(alpha);
        var squares = 0.0;
        for (var i = 0; i < table.Length; i++)
        {
            var (p, x) = ((i + 0.5) / table.Length, (double)table[i]);
            squares += (x - 0.5) * (x - 0.5) / table.Length;
            // The distributions that have a simple form.
            if (alpha == 1.0) Assert.That(x, Is.EqualTo(p).Within(1e-6));
            if (alpha == 0.5) Assert.That(x, Is.EqualTo(Math.Pow(Math.Sin(Math.PI * p / 2), 2)).Within(1e-6));
            if (alpha == 2.0) Assert.That(3 * x * x - 2 * x * x * x, Is.EqualTo(p).Within(1e-6));
        }

        Assert.That(squares, Is.EqualTo(1 / (4 * (2 * alpha + 1))).Within(1).Percent);
        Assert.That(table.Average(), Is.EqualTo(0.5).Within(1e-6));
        Assert.That(table, Is.Ordered);
    }

    [Test]
    public void Numbers_and_odd_targets_are_refused()
    {
        using var device = TestMachine.Open();
        using var trainer = new Trainer(new Linear(2, 1), new SquaredError(), new Sgd(0.1f), device, options: new TrainerOptions { Augmentation = _turned });
        Assert.That(
            () => trainer.Fit(Synthetic.Plane(4), new FitOptions { Epochs = 1, Batch = 2 }),
            Throws.ArgumentException.With.Message.Contains("plane: inputs are Float32 (2); augmentation (rotation 5) takes pictures of bytes"));
        using var other = new Trainer(
            new Sequential(new Flatten(), new Linear(5 * 12 * 12, 10)), new SoftmaxCrossEntropy(), new Sgd(0.1f), device,
            options: new TrainerOptions { Augmentation = _turned });
        Assert.That(
            () => other.Fit(Synthetic.Images(4, channels: 5, size: 12), epochs: 1, batch: 2),
            Throws.ArgumentException.With.Message.Contains("of 1 to 4 channels"));
    }

    [Test]
    public void Numbers_can_be_mixed()
    {
        using var device = TestMachine.Open();
        using var trainer = new Trainer(
            new Linear(2, 1), new SquaredError(), new Sgd(0.1f), device, options: new TrainerOptions { Augmentation = new Augmentation { Mixup = 0.2f } });
        var result = trainer.Fit(Synthetic.Plane(64), new FitOptions { Epochs = 40, Batch = 8 });
        Assert.That(result.Loss, Is.LessThan(2));
    }
}
