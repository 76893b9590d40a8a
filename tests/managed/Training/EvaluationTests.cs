using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Operators;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>What evaluation counts, against loops over the model's own outputs.</summary>
internal sealed class EvaluationTests
{
    private Device _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = TestMachine.Open();

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    // Of 300 classes the predictions come back themselves, of 5,000 only what is wrong; batches leave a smaller last one.
    [TestCase(3, 20)]
    [TestCase(5, 7)]
    [TestCase(6, 7)]
    [TestCase(10, 40)]
    [TestCase(300, 7)]
    [TestCase(5000, 7)]
    public void Classes_are_counted(int classes, int batch)
    {
        const int count = 40;
        var (inputs, labels) = Points(count, classes, seed: 2);
        using var trainer = new Trainer(new Linear(4, classes), new SoftmaxCrossEntropy(), new Sgd(0.1f), _device, seed: 5);
        var data = new TensorDataset(new Shape(4), inputs, labels);
        trainer.Fit(data, new FitOptions { Epochs = 1, Batch = 10 });
        var result = trainer.Evaluate(data, batch);
        var outputs = trainer.Predict(inputs);
        var isTold = classes <= 4096;
        var counts = new long[isTold ? classes * classes : 0];
        var (missed, wrong, loss) = (0, 0, 0.0);
        for (var i = 0; i < count; i++)
        {
            if (isTold) counts[labels[i] * classes + outputs.Class(i)]++;
            if (labels[i] != outputs.Class(i)) wrong++;
            var larger = 0;
            foreach (var value in outputs[i]) larger += value > outputs[i][labels[i]] ? 1 : 0;
            if (larger >= 5) missed++;
            loss -= Math.Log(outputs[i][labels[i]]) / count;
        }

        Assert.That(result.Loss, Is.EqualTo(loss).Within(1e-5));
        Assert.That(result.Confusion is { } confusion ? Counts(confusion) : [], Is.EqualTo(counts));
        Assert.That(result.Error, Is.EqualTo(wrong / (double)count));
        Assert.That(result.TopFiveError, classes > 5 ? Is.EqualTo(missed / (double)count) : Is.NaN);
        Assert.That(result.MeanIntersectionOverUnion, Is.NaN);
    }

    [TestCase(null, 3)]
    [TestCase(255, 2)]
    [TestCase(1, 5)]
    public void Pixels_are_counted_without_the_ignored(int? ignored, int batch)
    {
        const int classes = 4;
        var data = new Maps(count: 5, height: 3, width: 7, classes, ignored);
        using var trainer = new Trainer(new Conv2d(2, classes, 1), new SoftmaxCrossEntropy(ignoreIndex: ignored), new Sgd(0.1f), _device, seed: 5);
        trainer.Fit(data, new FitOptions { Epochs = 1, Batch = 5 });
        var result = trainer.Evaluate(data, batch);
        var outputs = trainer.Predict(data.Inputs);
        var counts = new long[classes * classes];
        for (var i = 0; i < data.Labels.Length; i++)
        {
            if (data.Labels[i] == ignored) continue;
            var (picture, pixel) = (i / 21, i % 21);
            var best = 0;
            for (var c = 1; c < classes; c++)
                if (outputs[picture][c * 21 + pixel] > outputs[picture][best * 21 + pixel]) best = c;
            counts[data.Labels[i] * classes + best]++;
        }

        // Wrong over counted, and per class what is both over what is either.
        var (wrong, total, union, met) = (0L, 0L, 0.0, 0);
        for (var c = 0; c < classes; c++)
        {
            var either = -counts[c * classes + c];
            for (var other = 0; other < classes; other++)
            {
                either += counts[c * classes + other] + counts[other * classes + c];
                total += counts[c * classes + other];
                if (other != c) wrong += counts[c * classes + other];
            }

            if (either == 0) continue;
            union += (double)counts[c * classes + c] / either;
            met++;
        }

        Assert.That(Counts(result.Confusion!), Is.EqualTo(counts));
        Assert.That(result.Error, Is.EqualTo((double)wrong / total));
        Assert.That(result.MeanIntersectionOverUnion, Is.EqualTo(union / met).Within(1e-12));
        Assert.That(result.TopFiveError, Is.NaN);
        Assert.That(result.ToString(), Does.Contain("mean IoU"));
    }

    // Scores 1 and -1 at 0.5, 0.5 and -0.5 at 0.25: of batches of two and of three it is the same mean.
    [TestCase(2)]
    [TestCase(3)]
    public void Losses_of_weighed_classes_are_averaged_by_their_weights(int batch)
    {
        var model = new Linear(1, 2, bias: false, weightInitializer: Initializer.Of(2f, -2f));
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy([1f, 10f]), new Sgd(1e-30f), _device);
        var result = trainer.Evaluate(new TensorDataset(new Shape(1), [0.5f, 0.5f, 0.25f], [0, 0, 1]), batch);
        var (first, last) = (Math.Log(1 + Math.Exp(-2)), Math.Log(1 + Math.Exp(1)));
        Assert.That(result.Loss, Is.EqualTo((2 * first + 10 * last) / 12).Within(1e-6));
    }

    // Classes 0 to 6 in the order of their scores, without 6; a batch of one has none that counts.
    [TestCase(1)]
    [TestCase(2)]
    public void What_is_ignored_is_in_no_mean(int batch)
    {
        var model = new Linear(1, 7, bias: false, weightInitializer: Initializer.Of(6f, 5f, 4f, 3f, 2f, 1f, 0f));
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(ignoreIndex: 6), new Sgd(1e-30f), _device);
        var result = trainer.Evaluate(new TensorDataset(new Shape(1), [1f, 1f, 1f], [6, 0, 5]), batch);
        var sum = Math.Log(Enumerable.Range(0, 7).Sum(score => Math.Exp(score)));
        Assert.That(result.Loss, Is.EqualTo(sum - (6 + 1) / 2.0).Within(1e-5));
        Assert.That((result.Error, result.TopFiveError), Is.EqualTo((0.5, 0.5)));
    }

    [Test]
    public void Every_loss_of_classes_tells_them_apart()
    {
        foreach (var loss in (Loss[])[new PerceptronCriterion(), new RbfCrossEntropy(), new MultiClassHinge()])
        {
            var model = new Linear(1, 7, bias: false, weightInitializer: Initializer.Of(6f, 5f, 4f, 3f, 2f, 1f, 0f));
            using var trainer = new Trainer(model, loss, new Sgd(1e-30f), _device);
            var result = trainer.Evaluate(new TensorDataset(new Shape(1), [1f, -1f, 1f, 1f], [0, 6, 1, 6]));
            Assert.That((result.Error, result.TopFiveError), Is.EqualTo((0.5, 0.25)), loss.GetType().Name);
            Assert.That((result.Confusion![6, 6], result.Confusion[1, 0]), Is.EqualTo((1L, 1L)));
        }
    }

    [Test]
    public void A_matrix_gives_the_usual_measures()
    {
        // Class 2 does not occur and is never predicted.
        var matrix = new ConfusionMatrix(3, [3, 1, 0, 2, 4, 0, 0, 0, 0]);
        Assert.That((matrix.Total, matrix.Correct, matrix[0, 1], matrix[1, 0]), Is.EqualTo((10L, 7L, 1L, 2L)));
        Assert.That(matrix.Error, Is.EqualTo(0.3).Within(1e-12));
        Assert.That((matrix.Actual(1), matrix.Predicted(1)), Is.EqualTo((6L, 5L)));
        Assert.That((matrix.Recall(0), matrix.Precision(0), matrix.IntersectionOverUnion(0)), Is.EqualTo((3 / 4.0, 3 / 5.0, 3 / 6.0)));
        Assert.That(matrix.Recall(2), Is.NaN);
        Assert.That(matrix.IntersectionOverUnion(2), Is.NaN);
        Assert.That(matrix.MeanIntersectionOverUnion, Is.EqualTo((3 / 6.0 + 4 / 7.0) / 2).Within(1e-12));
        Assert.That(() => matrix[3, 0], Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ConfusionMatrix(2, [1, 2, 3]), Throws.ArgumentException);
    }

    [Test]
    public void A_metric_of_the_callers_is_a_mean_over_examples()
    {
        var metric = new Metric("distance", (output, target) => Reduce.Sum(Pointwise.Abs(output - target)));
        var data = Synthetic.Plane(23);
        using var trainer = new Trainer(
            new Linear(2, 1), new SquaredError(), new Sgd(0.1f), _device, options: new TrainerOptions { Metrics = [metric] });
        var result = trainer.Fit(data, new FitOptions { Epochs = 1, Batch = 5, Validation = data }).Validation!;
        var inputs = new float[46];
        var targets = new float[23];
        data.Gather([.. Enumerable.Range(0, 23)], MemoryMarshal.AsBytes(inputs.AsSpan()), MemoryMarshal.AsBytes(targets.AsSpan()));
        var outputs = trainer.Predict(inputs);
        var expected = 0.0;
        for (var i = 0; i < 23; i++) expected += Math.Abs(outputs[i][0] - targets[i]) / 23;
        Assert.That(result.Metrics["distance"], Is.EqualTo(expected).Within(1e-6));
        Assert.That(result.Error, Is.NaN);
        Assert.That(result.Confusion, Is.Null);
        Assert.That(result.ToString(), Does.Match(@"^loss [\d.]+, distance [\d.]+$"));
        Assert.That(() => new Metric("Not so", (output, _) => output), Throws.ArgumentException);
    }

    [Test]
    public void A_loss_that_only_counts_errors_still_does()
    {
        // Scores 0.5 and -0.5 of a class that is 1 in the first of two examples and in the third.
        var model = new Linear(1, 1, bias: false, weightInitializer: Initializer.Ones);
        using var trainer = new Trainer(model, new BinaryCrossEntropy(), new Sgd(1e-30f), _device);
        var data = new TensorDataset(new Shape(1), [0.5f, -0.5f, -0.5f], new Shape(1), [1f, 0f, 1f]);
        var result = trainer.Evaluate(data, batch: 2);
        Assert.That(result.Error, Is.EqualTo(1 / 3.0).Within(1e-7));
        Assert.That(result.Confusion, Is.Null);
    }

    private static long[] Counts(ConfusionMatrix matrix)
    {
        var counts = new long[matrix.Classes * matrix.Classes];
        for (var i = 0; i < counts.Length; i++) counts[i] = matrix[i / matrix.Classes, i % matrix.Classes];
        return counts;
    }

    private static (float[] Inputs, int[] Labels) Points(int count, int classes, ulong seed)
    {
        var random = new Philox(seed);
        var inputs = new float[count * 4];
        random.FillUniform(inputs, -1f, 1f);
        var labels = new int[count];
        for (var i = 0; i < count; i++) labels[i] = (int)random.NextBelow((uint)classes);
        return (inputs, labels);
    }

    private sealed class Maps : IExampleSource
    {
        public Maps(int count, int height, int width, int classes, int? ignored)
        {
            Count = count;
            (InputShape, TargetShape) = (new Shape(2, height, width), new Shape(height, width));
            var random = new Philox(8);
            Inputs = new float[count * InputShape.Count];
            random.FillUniform(Inputs, -1f, 1f);
            Labels = new int[count * TargetShape.Count];
            for (var i = 0; i < Labels.Length; i++)
            {
                Labels[i] = (int)random.NextBelow((uint)classes);
                if (ignored is { } label && random.NextBelow(4) == 0) Labels[i] = label;
            }
        }

        public float[] Inputs { get; }

        public int[] Labels { get; }

        public string Name => "maps";

        public int Count { get; }

        public Shape InputShape { get; }

        public DType InputType => DType.Float32;

        public Shape TargetShape { get; }

        public DType TargetType => DType.Int32;

        public int? MaxLabel => null;

        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
        {
            var values = MemoryMarshal.Cast<byte, float>(inputs);
            var labels = MemoryMarshal.Cast<byte, int>(targets);
            var (length, pixels) = ((int)InputShape.Count, (int)TargetShape.Count);
            for (var i = 0; i < indices.Length; i++)
            {
                Inputs.AsSpan(indices[i] * length, length).CopyTo(values[(i * length)..]);
                Labels.AsSpan(indices[i] * pixels, pixels).CopyTo(labels[(i * pixels)..]);
            }
        }

        public Normalization? Statistics() => null;
    }
}
