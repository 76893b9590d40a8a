using System.Drawing;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Models;

internal sealed class ClassActivationMapTests
{
    private static readonly Shape _input = new(2, 12, 16);

    // Ends with a linear layer, and, as NIN, with a map for each class.
    private static IEnumerable<TestCaseData> Nets()
    {
        yield return Case("linear", () => new Sequential(
            new Conv2d(2, 6, kernel: 3, padding: 1), new ReLU(), new MaxPool2d(2), new GlobalAvgPool(), new Flatten(), new Dropout(0.5f),
            new Linear(6, 5, biasInitializer: Initializer.Zeros)));
        yield return Case("maps", () => new Sequential(new MaxPool2d(2), new Conv2d(2, 5, kernel: 1), new ReLU(), new AdaptiveAvgPool2d(1), new Flatten()));

        static TestCaseData Case(string name, Func<Layer> model) => new TestCaseData(model).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Nets))]
    public void Means_of_the_maps_are_the_scores(Func<Layer> create)
    {
        var device = TestDevices.Get("cpu");
        var model = create();
        var picture = DenseRun.Noise(_input, seed: 7);
        var (maps, shape) = DenseRun.Forward(ClassActivationMap.Of(model, _input), device, new Shape(1).Concat(_input), picture);
        var (scores, _) = DenseRun.Forward(model, device, new Shape(1).Concat(_input), picture);
        Assert.That(shape, Is.EqualTo(new Shape(1, 5, 6, 8)));
        for (var c = 0; c < 5; c++)
            Assert.That(maps.Skip(c * 48).Take(48).Average(), Is.EqualTo(scores[c]).Within(1e-5));
        Assert.That(maps.Distinct().Count(), Is.GreaterThan(48));
        model.ReleaseTensors();
    }

    [Test]
    public void Other_ends_are_refused()
    {
        Refused(new Sequential(new Flatten(), new Linear(2 * 12 * 16, 5)), "1 linear layers behind no global mean");
        Refused(new Sequential(new GlobalAvgPool(), new Flatten(), new Linear(2, 7), new Linear(7, 5)), "2 linear layers");
        Refused(new Sequential(new GlobalAvgPool(), new Flatten(), new ReLU(), new Linear(2, 5)), "layer '2' (ReLU)");

        static void Refused(Layer model, string text) =>
            Assert.That(Assert.Throws<ArgumentException>(() => ClassActivationMap.Of(model, _input))!.Message, Does.Contain(text));
    }

    [Test]
    public void A_map_is_spread_as_Upsample_does()
    {
        var map = DenseRun.Noise(new Shape(3, 4), seed: 9);
        var (expected, _) = DenseRun.Forward(Upsample.ToSize((10, 17), UpsampleMode.Linear), TestDevices.Get("cpu"), new Shape(1, 1, 3, 4), map);
        var found = ClassActivationMap.Spread(map, 4, 10, 17);
        for (var i = 0; i < expected.Length; i++) Assert.That(found[i], Is.EqualTo(expected[i]).Within(1e-5));
        Assert.Throws<ArgumentException>(() => ClassActivationMap.Spread(map, 5, 10, 10));
    }

    // Trained to tell patterns apart, never told where they are.
    [Test]
    public void A_trained_net_points_at_the_object()
    {
        const int size = 40;
        var device = TestDevices.Get("cpu");
        var (training, _) = Patterns(192, size, seed: 1);
        var (test, boxes) = Patterns(64, size, seed: 2);
        using var folder = new DeepNative.Tests.Training.TemporaryFolder();
        var path = folder.File("cam.safetensors");
        using (var trainer = new Trainer(PatternNet(), new SoftmaxCrossEntropy(), new Adam(learningRate: 2e-3f), device, seed: 1))
        {
            trainer.Fit(training, new FitOptions { Epochs = 5, Batch = 8 });
            Assert.That(trainer.Evaluate(test).Error, Is.LessThan(0.1));
            trainer.Save(path);
        }

        var shape = new Shape(1, size, size);
        using var predictor = Predictor.Open(path, device, ClassActivationMap.Of(PatternNet(), shape), new SquaredError());
        var (pointing, centre, shared, all) = (0, 0, 0.0, 0.0);
        var (picture, label) = (new float[size * size], new int[1]);
        for (var i = 0; i < test.Count; i++)
        {
            test.Gather([i], System.Runtime.InteropServices.MemoryMarshal.AsBytes(picture.AsSpan()), System.Runtime.InteropServices.MemoryMarshal.AsBytes(label.AsSpan()));
            var maps = predictor.Predict(picture);
            var cells = (int)(maps.Shape[2] * maps.Shape[3]);
            var map = ClassActivationMap.Spread(maps[0].Slice(label[0] * cells, cells), (int)maps.Shape[3], size, size);
            var (peak, _) = Localization.Peak(map, size);
            if (boxes[i].Contains(peak)) pointing++;
            if (boxes[i].Contains(size / 2, size / 2)) centre++;
            shared += Localization.IntersectionOverUnion(Localization.BoxAround(map, size), boxes[i]) / test.Count;
            all += Localization.IntersectionOverUnion(new Rectangle(0, 0, size, size), boxes[i]) / test.Count;
        }

        TestContext.Out.WriteLine($"peak in the object's box {pointing} of {test.Count} (the picture's middle {centre}), mean IoU {shared:0.000} (of the whole picture {all:0.000})");
        Assert.That(centre, Is.LessThan(0.4 * test.Count));
        Assert.That(pointing, Is.GreaterThan(0.7 * test.Count));
        Assert.That(shared, Is.GreaterThan(1.5 * all));
    }

    private static Sequential PatternNet()
    {
        return new Sequential(
            [.. Convolve(1, 16, 3), .. Convolve(16, 16, 3), new MaxPool2d(2), .. Convolve(16, 32, 3), .. Convolve(32, 32, 3), new MaxPool2d(2),
            .. Convolve(32, 64, 3), .. Convolve(64, 64, 1), new GlobalAvgPool(), new Flatten(), new Linear(64, 3, biasInitializer: Initializer.Zeros)]);

        static Layer[] Convolve(int from, int to, int kernel) =>
            [new Conv2d(from, to, kernel, padding: kernel / 2, bias: false, weightInitializer: Initializer.HeNormal), new BatchNorm(to), new ReLU()];
    }

    // Stripes of two directions and a board, somewhere in noise.
    private static (TensorDataset Data, Rectangle[] Boxes) Patterns(int count, int size, ulong seed)
    {
        var random = new Philox(seed);
        var pictures = new float[count * size * size];
        var (labels, boxes) = (new int[count], new Rectangle[count]);
        random.FillNormal(pictures, 0f, 0.3f);
        for (var i = 0; i < count; i++)
        {
            labels[i] = (int)random.NextBelow(3);
            var side = size / 3 + (int)random.NextBelow((uint)size / 6);
            var (left, top) = ((int)random.NextBelow((uint)(size - side)), (int)random.NextBelow((uint)(size - side)));
            boxes[i] = new Rectangle(left, top, side, side);
            for (var y = top; y < top + side; y++)
                for (var x = left; x < left + side; x++)
                    pictures[(i * size + y) * size + x] += (labels[i] switch { 0 => x / 2, 1 => y / 2, _ => x / 2 + y / 2 }) % 2 == 0 ? 1f : -1f;
        }

        return (new TensorDataset(new Shape(1, size, size), pictures, labels, $"patterns {seed}"), boxes);
    }
}
