using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Examples whose targets carry weights, on every way to the device.</summary>
internal sealed class TargetWeightTests
{
    private const int Examples = 7;
    private const int Features = 3;
    private const int Classes = 4;
    private const float Rate = 0.25f;

    private Device _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = TestMachine.Open();

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void A_step_weighs_the_losses_of_its_examples()
    {
        var (data, inputs, labels, weights) = Data();
        var model = new Linear(Features, Classes, weightInitializer: Initializer.Zeros, biasInitializer: Initializer.Zeros);
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(Rate), _device);
        var result = trainer.Fit(data, new FitOptions { Epochs = 1, Batch = Examples, Shuffle = false });

        // All logits are 0: every class has the probability 1 / C.
        var (loss, gradient) = (0.0, new double[Classes * Features]);
        for (var i = 0; i < Examples; i++)
        {
            loss += weights[i] * Math.Log(Classes) / Examples;
            for (var c = 0; c < Classes; c++)
                for (var f = 0; f < Features; f++)
                    gradient[c * Features + f] += weights[i] * (1.0 / Classes - (labels[i] == c ? 1 : 0)) * inputs[i * Features + f] / Examples;
        }

        Assert.That(result.Loss, Is.EqualTo(loss).Within(1e-6));
        var found = model.Parameters()[0].Tensor!.ToArray<float>();
        for (var i = 0; i < found.Length; i++) Assert.That(found[i], Is.EqualTo(-Rate * gradient[i]).Within(1e-6));
    }

    [Test]
    public void Pixels_have_weights_of_their_own()
    {
        // Logits are the biases of a 1x1 convolution whose weight is 0: the same at every pixel.
        var model = new Conv2d(
            1, 2, 1, weightInitializer: Initializer.Zeros, biasInitializer: Initializer.Zeros);
        int[] labels = [0, 1, 1, 0, 0, 1, 1, 1];
        float[] weights = [1f, 2f, 0f, 4f, 0.5f, 1f, 3f, 0f];
        var data = new PixelData(labels, weights);
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(Rate), _device);
        var result = trainer.Fit(data, new FitOptions { Epochs = 1, Batch = 2, Shuffle = false });
        var (loss, bias) = (0.0, 0.0);
        for (var i = 0; i < 8; i++)
        {
            loss += weights[i] * Math.Log(2) / 8;
            bias += weights[i] * (0.5 - (labels[i] == 0 ? 1 : 0)) / 8;
        }

        Assert.That(result.Loss, Is.EqualTo(loss).Within(1e-6));
        var found = model.Parameters()[1].Tensor!.ToArray<float>();
        Assert.That(found[0], Is.EqualTo(-Rate * bias).Within(1e-6));
        Assert.That(found[1], Is.EqualTo(Rate * bias).Within(1e-6));
    }

    [Test]
    public void All_ways_to_the_device_give_the_same_bits()
    {
        float[] Train(bool prefetch, bool keep)
        {
            var (data, _, _, _) = Data();
            var model = new Linear(Features, Classes);
            using var trainer = new Trainer(
                model, new SoftmaxCrossEntropy(), new Sgd(Rate), _device, seed: 4, new TrainerOptions { Prefetch = prefetch, KeepDataOnDevice = keep });
            trainer.Fit(data, new FitOptions { Epochs = 3, Batch = 3 });
            var evaluation = trainer.Evaluate(data, batch: 2);
            return [.. model.Parameters()[0].Tensor!.ToArray<float>(), (float)evaluation.Loss];
        }

        var expected = Train(prefetch: false, keep: false);
        Assert.That(Train(prefetch: true, keep: false), Is.EqualTo(expected));
        Assert.That(Train(prefetch: false, keep: true), Is.EqualTo(expected));
    }

    [Test]
    public void A_validation_set_without_weights_stands_beside_a_training_set_with_them()
    {
        var (data, inputs, labels, _) = Data();
        using var trainer = new Trainer(new Linear(Features, Classes), new SoftmaxCrossEntropy(), new Sgd(Rate), _device);
        var plain = new TensorDataset(new Shape(Features), inputs, labels);
        var result = trainer.Fit(data, new FitOptions { Epochs = 2, Batch = 3, Validation = plain });
        Assert.That(trainer.Evaluate(plain).Loss, Is.EqualTo(result.Validation!.Loss).Within(1e-6));
        Assert.That(trainer.Evaluate(data).Loss, Is.Not.EqualTo(result.Validation.Loss).Within(1e-3));
    }

    [Test]
    public void What_does_not_fit_is_refused()
    {
        var (data, _, _, weights) = Data();
        Assert.That(() => data.WithWeights(new Shape(2), weights), Throws.ArgumentException.With.Message.Contains("7 weights, expected 14"));
        using var trainer = new Trainer(new Linear(Features, Classes), new SoftmaxCrossEntropy(), new Sgd(Rate), _device);
        Assert.That(
            () => trainer.Fit(data.WithWeights(new Shape(1), weights), new FitOptions { Epochs = 1, Batch = 7 }),
            Throws.TypeOf<ShapeException>().With.Message.Contains("weight is Float32 (7, 1)"));
        Assert.That(
            () => new Heads().Forward(null!, null!, null!),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("loss Heads takes no weights"));
    }

    private static (TensorDataset Data, float[] Inputs, int[] Labels, float[] Weights) Data()
    {
        var inputs = new float[Examples * Features];
        new Philox(3).FillUniform(inputs, -1f, 1f);
        int[] labels = [0, 3, 1, 2, 0, 1, 3];
        float[] weights = [1f, 0f, 2.5f, 1f, 0.25f, 3f, 1f];
        return (new TensorDataset(new Shape(Features), inputs, labels).WithWeights(Shape.Scalar, weights), inputs, labels, weights);
    }

    /// <summary>Two pictures of 2x2 pixels.</summary>
    private sealed class PixelData(int[] labels, float[] weights) : IExampleSource
    {
        public string Name => "pixels";

        public int Count => 2;

        public Shape InputShape => new(1, 2, 2);

        public DType InputType => DType.Float32;

        public Shape TargetShape => new(2, 2);

        public DType TargetType => DType.Int32;

        public int? MaxLabel => 1;

        public Shape? WeightShape => TargetShape;

        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
        {
            inputs.Clear();
            var found = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(targets);
            for (var i = 0; i < indices.Length; i++) labels.AsSpan(indices[i] * 4, 4).CopyTo(found[(i * 4)..]);
        }

        public void GatherWeights(ReadOnlySpan<int> indices, Span<float> found)
        {
            for (var i = 0; i < indices.Length; i++) weights.AsSpan(indices[i] * 4, 4).CopyTo(found[(i * 4)..]);
        }

        public Normalization? Statistics() => null;
    }

    private sealed class Heads : Loss
    {
        public override DType TargetType => DType.Float32;

        public override Shape TargetShape(Shape output) => output;

        public override Value Forward(Value output, Value target) => output;
    }
}
