using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Bad data, numbers that are not finite, cancellation.</summary>
internal sealed class TrainingFailureTests : TrainingFixture
{
    private string Checkpoint => Folder.File("run.safetensors");

    [Test]
    public void A_loss_that_is_not_finite_stops_and_names_the_step()
    {
        // Example 23 is NaN: step 6 of batches of 4.
        var data = Synthetic.Plane(40);
        var (inputs, targets) = (new float[80], new float[40]);
        data.Gather([.. Enumerable.Range(0, 40)], MemoryMarshal.AsBytes(inputs.AsSpan()), MemoryMarshal.AsBytes(targets.AsSpan()));
        inputs[2 * 23] = float.NaN;
        using var trainer = new Trainer(new Linear(2, 1), new SquaredError(), new Sgd(0.1f), Device);
        var options = new FitOptions
        {
            Epochs = 2, Batch = 4, Shuffle = false, Checkpoint = new CheckpointOptions(Checkpoint, EveryEpochs: 0, EverySteps: 2),
        };
        var error = Assert.Throws<TrainingDivergedException>(() =>
            trainer.Fit(new TensorDataset(new Shape(2), inputs, new Shape(1), targets), options))!;
        Assert.That(error.Step, Is.EqualTo(6));
        Assert.That(error.Checkpoint, Is.EqualTo(Checkpoint));
        Assert.That(error.Message, Does.Contain("step 6").And.Contain("NaN").And.Contain(Checkpoint));

        // The kept file is of step 4 and sound.
        using var resumed = new Trainer(new Linear(2, 1), new SquaredError(), new Sgd(0.1f), Device);
        resumed.Resume(Checkpoint);
        Assert.That(TrainerTests.Weights(resumed.Model), Is.All.Matches<float>(float.IsFinite));
        using var file = DeepNative.Serialization.SafeTensors.Open(Checkpoint);
        Assert.That(file.Metadata["step"], Is.EqualTo("4"));
    }

    [Test]
    public void Weights_that_are_not_finite_are_never_written()
    {
        // The first loss is finite, the step after it is not: a rate beyond float32 times the gradient.
        using var trainer = new Trainer(new Linear(2, 1), new SquaredError(), new Sgd(3e38f), Device, seed: 1);
        var options = new FitOptions { Epochs = 1, Batch = 40, Checkpoint = new CheckpointOptions(Checkpoint) };
        File.WriteAllText(Checkpoint, "old");
        var error = Assert.Throws<TrainingDivergedException>(() => trainer.Fit(Synthetic.Plane(40), options))!;
        Assert.That(error.Message, Does.Contain("weight").Or.Contain("bias"));
        Assert.That(error.Checkpoint, Is.Null);
        Assert.That(File.ReadAllText(Checkpoint), Is.EqualTo("old"));
        Assert.Throws<InvalidOperationException>(() => trainer.Save(Checkpoint));
        Assert.That(File.ReadAllText(Checkpoint), Is.EqualTo("old"));
    }

    [Test]
    public void An_empty_data_set_is_refused()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var empty = new TensorDataset(new Shape(2), [], [], "nothing");
        var options = new FitOptions { Epochs = 1, Batch = 4 };
        Assert.That(Assert.Throws<ArgumentException>(() => trainer.Fit(empty, options))!.Message, Does.Contain("nothing is empty"));
        Assert.That(Assert.Throws<ArgumentException>(() => trainer.Evaluate(empty))!.Message, Does.Contain("nothing is empty"));
    }

    [Test]
    public void A_label_outside_the_classes_is_refused_before_training()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var data = new TensorDataset(new Shape(2), [1, 2, 3, 4], [0, 2], "two");
        var error = Assert.Throws<ArgumentException>(() => trainer.Fit(data, new FitOptions { Epochs = 1, Batch = 2 }))!;
        Assert.That(error.Message, Does.Contain("two: label 2").And.Contain("2 classes"));
        Assert.Throws<ArgumentException>(() => _ = new TensorDataset(new Shape(2), [1, 2, 3, 4], [0, -1]));
    }

    [Test]
    public void A_label_that_lies_is_refused_by_the_engine()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var error = Assert.Throws<DeepNativeException>(() => trainer.Fit(new LyingLabels(), new FitOptions { Epochs = 1, Batch = 4, Shuffle = false }))!;
        Assert.That(error.Message, Does.Contain("label 7 of sample 0").And.Contain("0 to 1"));
    }

    [Test]
    public void Images_of_another_shape_name_the_layer()
    {
        using var trainer = new Trainer(TrainerTests.Net(), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var error = Assert.Throws<ShapeException>(() => trainer.Fit(Synthetic.Images(10, channels: 3, size: 12), epochs: 1, batch: 5))!;
        Assert.That(error.Message, Is.EqualTo("layer '0' (Conv2d): input is (1, 3, 12, 12), expected (N, 1, H, W)"));
        error = Assert.Throws<ShapeException>(() => trainer.Fit(Synthetic.Images(10, size: 14), epochs: 1, batch: 5))!;
        Assert.That(error.Message, Does.Contain("layer '7' (Linear)").And.Contain("(N, 100)"));
    }

    [Test]
    public void Validation_of_another_shape_is_refused()
    {
        using var trainer = new Trainer(TrainerTests.Net(), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var error = Assert.Throws<ArgumentException>(() => trainer.Fit(
            Synthetic.Images(10, size: 12), epochs: 1, batch: 5, validation: Synthetic.Images(10, size: 13)))!;
        Assert.That(error.Message, Does.Contain("(1, 13, 13)").And.Contain("(1, 12, 12)"));
    }

    [Test]
    public void Targets_that_do_not_fit_the_loss_are_refused()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var error = Assert.Throws<ArgumentException>(() => trainer.Fit(Synthetic.Plane(4), new FitOptions { Epochs = 1, Batch = 2 }))!;
        Assert.That(error.Message, Does.Contain("Float32 (1)").And.Contain("Int32 ()").And.Contain("SoftmaxCrossEntropy"));
        using var convolution = new Trainer(new Conv2d(1, 2, kernel: 3), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        error = Assert.Throws<ArgumentException>(() => convolution.Fit(Synthetic.Images(4, size: 8), epochs: 1, batch: 2))!;
        Assert.That(error.Message, Does.Contain("targets are Int32 ()").And.Contain("Int32 (6, 6)").And.Contain("(1, 2, 6, 6)"), "a class for each pixel");
        using var hinge = new Trainer(new Conv2d(1, 2, kernel: 3), new MultiClassHinge(), new Sgd(0.1f), Device);
        Assert.Throws<ShapeException>(() => hinge.Fit(Synthetic.Images(4, size: 8), epochs: 1, batch: 2));
    }

    [Test]
    public void Wrong_numbers_are_refused()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 0, Batch = 4 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 1, Batch = 0 }));
        Assert.Throws<InvalidOperationException>(() => trainer.Predict([1f, 1f]));
        trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 1, Batch = 4 });
        Assert.That(Assert.Throws<ArgumentException>(() => trainer.Predict([1f, 1f, 1f]))!.Message, Does.Contain("3 values").And.Contain("(2)"));
        Assert.That(Assert.Throws<ArgumentException>(() => trainer.Predict([1, 1]))!.Message, Does.Contain("Float32").And.Contain("UInt8"));
        Assert.Throws<ArgumentException>(() => trainer.Predict(ReadOnlySpan<float>.Empty));
        Assert.Throws<ArgumentException>(() => _ = new Trainer(new ReLU(), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device));
        Assert.Throws<ArgumentException>(() => _ = new TensorDataset(new Shape(2), [1, 2, 3], [0]));
        Assert.Throws<ArgumentException>(() => _ = new TensorDataset(new Shape(2), [1, 2], new Shape(1), []));
    }

    [Test]
    public void A_model_on_another_device_is_refused()
    {
        var model = new Linear(2, 2);
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        using var other = TestMachine.Open();
        var error = Assert.Throws<InvalidOperationException>(() => _ = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.1f), other))!;
        Assert.That(error.Message, Does.Contain("'weight'").And.Contain("cpu"));
    }

    [Test]
    public void A_layer_left_out_of_the_computation_is_named()
    {
        using var trainer = new Trainer(new Forgetful(), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var error = Assert.Throws<ArgumentException>(() => trainer.Fit(Synthetic.Xor, new FitOptions { Epochs = 1, Batch = 4 }))!;
        Assert.That(error.Message, Does.Contain("unused."));
    }

    [Test]
    public void Cancellation_stops_after_the_step_and_writes_the_checkpoint()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        using var source = new CancellationTokenSource();
        source.Cancel();
        var result = trainer.Fit(
            Synthetic.Xor, new FitOptions { Epochs = 3, Batch = 1, Checkpoint = new CheckpointOptions(Checkpoint) }, source.Token);
        Assert.That((result.Completed, result.Steps, result.Epochs), Is.EqualTo((false, 0L, 0)));
        Assert.That(result.Loss, Is.NaN);
        Assert.That(File.Exists(Checkpoint), Is.True);
    }

    [Test]
    public void A_full_or_missing_disk_is_an_io_error_and_training_can_go_on()
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var options = new FitOptions { Epochs = 2, Batch = 4, Checkpoint = new CheckpointOptions(Folder.File("none/run.safetensors")) };
        Assert.That(() => trainer.Fit(Synthetic.Xor, options), Throws.InstanceOf<IOException>());
        Assert.That(trainer.Fit(Synthetic.Xor, options with { Checkpoint = null }).Completed, Is.True);
    }

    private sealed class Forgetful : Layer
    {
        private readonly Linear _used;

        public Forgetful()
        {
            _used = AddChild("used", new Linear(2, 2));
            AddChild("unused", new Linear(2, 2));
        }

        protected override Value Build(Value input) => _used.Forward(input);
    }

    private sealed class LyingLabels : IExampleSource
    {
        public string Name => "liar";

        public int Count => 4;

        public Shape InputShape => new(2);

        public DType InputType => DType.Float32;

        public Shape TargetShape => Shape.Scalar;

        public DType TargetType => DType.Int32;

        public int? MaxLabel => 1;

        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
        {
            inputs.Clear();
            MemoryMarshal.Cast<byte, int>(targets).Fill(7);
        }

        public Normalization? Statistics() => null;
    }
}
