using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

internal sealed class TrainerTests
{
    private Device _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = TestMachine.Open();

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void A_perceptron_with_a_hidden_layer_learns_xor()
    {
        using var trainer = new Trainer(
            Mlp.Create([2, 8, 2], () => new Tanh()), new SoftmaxCrossEntropy(), new Adam(0.05f), _device, seed: 3);
        var result = trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 200, Batch = 4 });
        var evaluation = trainer.Evaluate(Synthetic.Xor);
        Assert.That(evaluation.Error, Is.Zero);
        Assert.That(evaluation.Loss, Is.LessThan(0.05));
        Assert.That((result.Steps, result.Epochs, result.Completed), Is.EqualTo((200L, 200, true)));
        var prediction = trainer.Predict([-1f, 1f, 1f, 1f]);
        Assert.That((prediction.Class(0), prediction.Class(1)), Is.EqualTo((1, 0)));
        Assert.That(prediction.Probability(0), Is.GreaterThan(0.9f));
    }

    [Test]
    public void A_single_layer_cannot_learn_xor()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Adam(0.05f), _device, seed: 3);
        trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 200, Batch = 4 });
        Assert.That(trainer.Evaluate(Synthetic.Xor).Error, Is.GreaterThanOrEqualTo(0.25));
    }

    [Test]
    public void A_linear_layer_finds_a_plane()
    {
        var model = new Linear(2, 1);
        using var trainer = new Trainer(model, new SquaredError(), new Sgd(0.3f), _device, seed: 1);
        trainer.Fit(Synthetic.Plane(103), new FitOptions { Epochs = 40, Batch = 10 });
        var (weight, bias) = (model.Parameters()[0].Tensor!.ToArray<float>(), model.Parameters()[1].Tensor!.ToArray<float>());
        Assert.That(weight[0], Is.EqualTo(2f).Within(1e-3));
        Assert.That(weight[1], Is.EqualTo(-3f).Within(1e-3));
        Assert.That(bias[0], Is.EqualTo(0.5f).Within(1e-3));
        var evaluation = trainer.Evaluate(Synthetic.Plane(50, seed: 2));
        Assert.That(evaluation.Loss, Is.LessThan(1e-5));
        Assert.That(evaluation.Error, Is.NaN);
        Assert.That(trainer.Predict([1f, 1f])[0][0], Is.EqualTo(-0.5f).Within(1e-2));
    }

    [Test]
    public void The_first_step_is_the_formula()
    {
        // loss = mean of (w x + b - y)^2; one step of SGD from known values.
        var model = new Linear(1, 1, weightInitializer: Initializer.Constant(0.5f), biasInitializer: Initializer.Constant(-1f));
        float[] x = [1f, -2f, 3f];
        float[] y = [2f, 0.5f, -1f];
        using var trainer = new Trainer(model, new SquaredError(), new Sgd(0.1f), _device);
        var result = trainer.Fit(new TensorDataset(new Shape(1), x, new Shape(1), y), new FitOptions { Epochs = 1, Batch = 3, Shuffle = false });
        var (loss, slope, offset) = (0.0, 0.0, 0.0);
        for (var i = 0; i < 3; i++)
        {
            var difference = 0.5 * x[i] - 1 - y[i];
            loss += difference * difference / 3;
            slope += 2 * difference * x[i] / 3;
            offset += 2 * difference / 3;
        }

        Assert.That(result.Loss, Is.EqualTo(loss).Within(1e-6));
        Assert.That(model.Parameters()[0].Tensor!.ToArray<float>()[0], Is.EqualTo(0.5 - 0.1 * slope).Within(1e-6));
        Assert.That(model.Parameters()[1].Tensor!.ToArray<float>()[0], Is.EqualTo(-1 - 0.1 * offset).Within(1e-6));
    }

    [TestCase(1)]
    [TestCase(3)]
    public void Bytes_are_normalised_by_the_training_set(int channels)
    {
        var data = Synthetic.Images(64, channels: channels, size: 8);
        // Layers that pass the normalised input on: the loss sees it as it is.
        var model = new Sequential(new Flatten(), new Linear(channels * 64, 1, weightInitializer: Initializer.Ones, biasInitializer: Initializer.Zeros));
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(1e-30f), _device);
        var first = data.Images.Span[..(channels * 64)].ToArray();
        var single = new DeepNative.Data.ImageDataset("zero labels", data.Images, new int[64], ["only"], channels, 8, 8);
        trainer.Fit(single, epochs: 1, batch: 64);
        var expected = 0.0;
        for (var i = 0; i < first.Length; i++) expected += (first[i] / 255.0 - single.Mean[i / 64]) / single.Std[i / 64];
        // The prediction of one class is 1 whatever the logit; ask for the logit itself.
        using var folder = new TemporaryFolder();
        trainer.Save(folder.File("w.safetensors"));
        using var predictor = Predictor.Open(folder.File("w.safetensors"), _device, Same(), new SquaredError());
        Assert.That(predictor.Predict(first)[0][0], Is.EqualTo(expected).Within(1e-3));

        Sequential Same() => new(new Flatten(), new Linear(channels * 64, 1));
    }

    [Test]
    public void A_predictor_that_cannot_be_opened_leaves_no_tensors()
    {
        using var folder = new TemporaryFolder();
        using (var trainer = new Trainer(new Linear(2, 1), new SquaredError(), new Sgd(0.1f), _device))
        {
            trainer.Fit(Synthetic.Plane(8), new FitOptions { Epochs = 1, Batch = 8 });
            trainer.Save(folder.File("w.safetensors"));
        }

        var model = new Linear(2, 1);
        Assert.Throws<ShapeException>(() => Predictor.Open(folder.File("w.safetensors"), _device, model, new SquaredError(), inputShape: new Shape(3)));
        Assert.That(model.Parameters().Select(parameter => parameter.Tensor), Is.All.Null);
    }

    [Test]
    public void The_same_seed_gives_the_same_bits_and_another_does_not()
    {
        float[] Train(ulong seed)
        {
            var model = Net();
            using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.05f, momentum: 0.9f), _device, seed);
            trainer.Fit(Synthetic.Images(130, size: 12), epochs: 2, batch: 32);
            return Weights(model);
        }

        var first = Train(5);
        Assert.That(Train(5), Is.EqualTo(first));
        Assert.That(Train(6), Is.Not.EqualTo(first));
    }

    [Test]
    public void A_background_loader_gives_the_same_bits()
    {
        float[] Train(bool prefetch)
        {
            var model = Net();
            using var trainer = new Trainer(
                model, new SoftmaxCrossEntropy(), new Sgd(0.05f), _device, seed: 5, new TrainerOptions { Prefetch = prefetch });
            trainer.Fit(Synthetic.Images(130, size: 12), epochs: 2, batch: 32);
            Assert.That(trainer.Evaluate(Synthetic.Images(330, seed: 9, size: 12)).Count, Is.EqualTo(330));
            return Weights(model);
        }

        Assert.That(Train(prefetch: true), Is.EqualTo(Train(prefetch: false)));
    }

    [Test]
    public void Evaluation_leaves_the_model_alone_and_dropout_out()
    {
        var model = Net();
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.05f), _device, seed: 5);
        var data = Synthetic.Images(300, size: 12);
        trainer.Fit(data, epochs: 1, batch: 32);
        var before = Weights(model);
        var first = trainer.Evaluate(data);
        var second = trainer.Evaluate(data);
        Assert.That((second.Loss, second.Error), Is.EqualTo((first.Loss, first.Error)));
        Assert.That(Weights(model), Is.EqualTo(before));
        // One by one or together: running statistics do not depend on the batch.
        var images = data.Images.Span[..(144 * 5)];
        var together = trainer.Predict(images);
        for (var i = 0; i < 5; i++)
            Assert.That(trainer.Predict(images.Slice(i * 144, 144))[0].ToArray(), Is.EqualTo(together[i].ToArray()).Within(1e-6f));
    }

    [Test]
    public void Progress_and_validation_are_reported()
    {
        var reports = new List<TrainingProgress>();
        using var trainer = new Trainer(
            Net(), new SoftmaxCrossEntropy(), new Sgd(0.05f), _device, seed: 5,
            new TrainerOptions { Schedule = LearningRateSchedule.Exponential(0.5), ProgressInterval = TimeSpan.Zero });
        var result = trainer.Fit(
            Synthetic.Images(100, size: 12), epochs: 2, batch: 32, progress: new Recorder(reports), validation: Synthetic.Images(40, seed: 2, size: 12));
        Assert.That(reports.Select(report => (report.Epoch, report.StepInEpoch, report.Step, report.IsEpochEnd)), Is.EqualTo(new[]
        {
            (1, 1, 1L, false), (1, 2, 2L, false), (1, 3, 3L, false), (1, 4, 4L, true), (2, 1, 5L, false), (2, 2, 6L, false), (2, 3, 7L, false),
            (2, 4, 8L, true),
        }));
        Assert.That(reports.Select(report => report.LearningRate), Is.EqualTo(new[] { 0.05f, 0.05f, 0.05f, 0.05f, 0.025f, 0.025f, 0.025f, 0.025f }));
        Assert.That(reports[3].Validation!.Count, Is.EqualTo(40));
        Assert.That(reports[7].Validation, Is.EqualTo(result.Validation));
        Assert.That(reports[0].Validation, Is.Null);
        Assert.That(result.Loss, Is.EqualTo(reports[7].Loss));
        Assert.That(result.ImagesPerSecond, Is.Positive);
        Assert.That(result.FirstStepSeconds, Is.Positive.And.LessThan(result.Seconds));
        Assert.That(reports[7].ToString(), Does.Match(@"^epoch 2/2: loss \d+\.\d{4}, validation loss \d+\.\d{4}, error [\d.]+ ?%, top-5 error [\d.]+ ?%, \d+ images/s, \d+\.\d s$"));
    }

    [Test]
    public void A_batch_larger_than_the_data_is_the_data()
    {
        using var trainer = new Trainer(Net(), new SoftmaxCrossEntropy(), new Sgd(0.05f), _device);
        Assert.That(trainer.Fit(Synthetic.Images(10, size: 12), epochs: 3, batch: 100).Steps, Is.EqualTo(3));
    }

    [Test]
    public void Many_batch_sizes_of_prediction_keep_memory_bounded()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), _device);
        trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 1, Batch = 4 });
        var inputs = new float[2 * 40];
        for (var n = 1; n <= 20; n++) trainer.Predict(inputs.AsSpan(0, 2 * n));
        var live = _device.Memory.LiveCount;
        for (var n = 21; n <= 40; n++) trainer.Predict(inputs.AsSpan(0, 2 * n));
        Assert.That(_device.Memory.LiveCount, Is.EqualTo(live));
    }

    [Test]
    public void Everything_is_freed_with_the_trainer()
    {
        var before = _device.Memory.LiveCount;
        using (var trainer = new Trainer(Net(), new SoftmaxCrossEntropy(), new Adam(), _device))
        {
            trainer.Fit(Synthetic.Images(40, channels: 1, size: 12), epochs: 1, batch: 32);
            trainer.Evaluate(Synthetic.Images(40, size: 12));
        }

        Assert.That(_device.Memory.LiveCount, Is.EqualTo(before));
    }

    [Test]
    public void A_disposed_trainer_says_so()
    {
        var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), _device);
        trainer.Dispose();
        trainer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 1, Batch = 4 }));
        Assert.Throws<ObjectDisposedException>(() => trainer.Evaluate(Synthetic.Xor));
        Assert.Throws<ObjectDisposedException>(() => trainer.Predict([1f, 1f]));
        Assert.Throws<ObjectDisposedException>(() => trainer.Save("never.safetensors"));
    }

    internal static Sequential Net() => new(
        new Conv2d(1, 4, kernel: 3, bias: false), new BatchNorm(4), new ReLU(), new Residual(new Conv2d(4, 4, kernel: 3, padding: 1)),
        new MaxPool2d(2), new Flatten(), new Dropout(0.2f), new Linear(100, 10));

    internal static float[] Weights(Layer model) => [.. model.Parameters().SelectMany(parameter => parameter.Tensor!.ToArray<float>())];

    private sealed class Recorder(List<TrainingProgress> reports) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => reports.Add(value);
    }
}
