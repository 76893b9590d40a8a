using DeepNative.Layers;
using DeepNative.Models;

namespace DeepNative.Tests.Models;

internal sealed class FullyConvolutionalTests
{
    private static readonly Shape _window = new(2, 28, 28);

    // A LeNet, one with overlapping windows and steps, one that ends with a global mean, and a perceptron; none pads.
    private static IEnumerable<TestCaseData> Classifiers()
    {
        yield return Case("lenet", 4, () => new Sequential(
            new Conv2d(2, 6, kernel: 5), new Tanh(), new AvgPool2d(2), new Conv2d(6, 8, kernel: 5), new Tanh(), new MaxPool2d(2),
            new Flatten(), new Linear(8 * 16, 12), new Tanh(), new Linear(12, 5)));
        yield return Case("steps", 4, () => new Sequential(
            new Conv2d(2, 6, kernel: 8, stride: 2), new ReLU(), new LocalResponseNorm(3), new MaxPool2d(3, stride: 2),
            new Sequential(new Dropout(0.5f), new Conv2d(6, 8, kernel: 3), new BatchNorm(8), new ReLU()),
            new Flatten(), new Dropout(0.5f), new Linear(8 * 9, 12), new BatchNorm(12), new ReLU(), new Dropout(0.5f), new Linear(12, 5)));
        yield return Case("mean", 2, () => new Sequential(
            new Conv2d(2, 6, kernel: 5), new ReLU(), new MaxPool2d(2), new Residual(new Conv2d(6, 6, kernel: 1)), new GlobalAvgPool(), new Flatten(), new Linear(6, 5)));
        yield return Case("adaptive", 2, () => new Sequential(
            new Conv2d(2, 5, kernel: 5), new MaxPool2d(2), new AdaptiveAvgPool2d(12), new AdaptiveAvgPool2d(1), new Flatten()));
        yield return Case("perceptron", 1, () => new Sequential(new Flatten(), new Linear(2 * 28 * 28, 9), new ReLU(), new Linear(9, 5)));

        static TestCaseData Case(string name, int step, Func<Layer> model) => new TestCaseData(step, model).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Classifiers))]
    public void Each_place_has_the_score_of_its_window(int step, Func<Layer> create)
    {
        var device = TestDevices.Get("cpu");
        var model = create();
        var sliding = FullyConvolutional.Of(model, _window);
        var size = new Shape(2, 28 + 2 * step, 28 + 3 * step + step - 1);
        var picture = DenseRun.Noise(size, seed: 3);
        var (maps, shape) = DenseRun.Forward(sliding, device, new Shape(1).Concat(size), picture);
        Assert.That(shape, Is.EqualTo(new Shape(1, 5, 3, 4)));
        for (var p = 0; p < 3; p++)
        {
            for (var q = 0; q < 4; q++)
            {
                var (scores, _) = DenseRun.Forward(
                    model, device, new Shape(1).Concat(_window), DenseRun.Window(picture, size, p * step, q * step, 28, 28));
                for (var c = 0; c < 5; c++)
                    Assert.That(maps[(c * 3 + p) * 4 + q], Is.EqualTo(scores[c]).Within(1e-4 * Math.Max(1, Math.Abs(scores[c]))), $"class {c} at {p}, {q}");
            }
        }

        model.ReleaseTensors();
    }

    // Nets with padding, whose windows see more than the picture, agree on a picture of their own size.
    [TestCase("lenet1")]
    [TestCase("lenet5")]
    [TestCase("lenet5-1998")]
    [TestCase("lenet300")]
    [TestCase("cifar-quick")]
    [TestCase("nin-cifar")]
    [TestCase("resnet9-slim-cifar")]
    public void On_its_own_size_it_is_the_classifier(string name)
    {
        var entry = ModelRegistry.Get(name);
        var device = TestDevices.Get("cpu");
        var (model, batch) = (entry.Create(), new Shape(2).Concat(entry.InputShape));
        var pictures = DenseRun.Noise(batch, seed: 11);
        var (maps, shape) = DenseRun.Forward(FullyConvolutional.Of(model, entry.InputShape), device, batch, pictures);
        var (scores, _) = DenseRun.Forward(model, device, batch, pictures);
        Assert.That(shape, Is.EqualTo(new Shape(2, 10, 1, 1)));
        var largest = scores.Max(Math.Abs);
        for (var i = 0; i < scores.Length; i++) Assert.That(maps[i], Is.EqualTo(scores[i]).Within(2e-5 * largest));
        model.ReleaseTensors();
    }

    [Test]
    public void Names_and_parameters_are_the_classifiers()
    {
        var names = ModelRegistry.Get("mnistnet").Create().Parameters().Select(p => (p.Name, p.Shape));
        var sliding = ModelRegistry.Get("FCN-mnistnet").Create();
        Assert.That(sliding.Parameters().Select(p => (p.Name, p.Shape)), Is.EqualTo(names));
        Assert.That(sliding.ParameterCount(), Is.EqualTo(105_506));
        var summary = ModelSummary.Of(sliding, new Shape(1, 40, 52));
        Assert.That(summary.Layers[^1].OutputShape, Is.EqualTo(new Shape(1, 10, 3, 5)));
        Assert.That(summary.MultiplyAdds, Is.EqualTo(32 * 36 * 48 * 25 + 64 * 8 * 12 * 800 + 15 * (256 * 200 + 200 * 10)));

        // The window stays the usual one, and channels and classes are those asked for.
        var other = ModelRegistry.Get("fcn-mnistnet").Create(new ModelOptions { InputShape = new Shape(3, 100, 90), Classes = 4 });
        Assert.That(ModelSummary.Of(other, new Shape(3, 28, 28)).Layers[^1].OutputShape, Is.EqualTo(new Shape(1, 4, 1, 1)));
    }

    private static IEnumerable<string> Registered() =>
        ModelRegistry.All.Select(entry => entry.Name).Where(name => !name.StartsWith("unet", StringComparison.Ordinal)
            && !name.StartsWith("fcn", StringComparison.Ordinal) && !name.Contains("-machine", StringComparison.Ordinal)
            && !name.StartsWith("deconvnet", StringComparison.Ordinal) && !name.StartsWith("upsample", StringComparison.Ordinal)
            && !name.Contains("mask", StringComparison.Ordinal));

    [TestCaseSource(nameof(Registered))]
    public void Every_registered_classifier_slides(string name)
    {
        var entry = ModelRegistry.Get("fcn-" + name);
        var sliding = entry.Create();
        Assert.That(sliding.ParameterCount(), Is.EqualTo(ModelRegistry.Get(name).Create().ParameterCount()));
        var graph = new Graph(training: false, "shapes");
        var larger = new Shape(2, entry.InputShape[0], entry.InputShape[1] + 64, entry.InputShape[2] + 96);
        var maps = sliding.Forward(graph.Declare(DType.Float32, larger, "x")).Shape;
        Assert.That((maps[0], maps[1]), Is.EqualTo((2L, (long)entry.Classes)));
        Assert.That(maps[2] > 1 && maps[3] > maps[2], Is.True, maps.ToString());
    }

    [Test]
    public void What_cannot_slide_is_named()
    {
        var flat = Assert.Throws<ArgumentException>(() => FullyConvolutional.Of(new Sequential(new Conv2d(2, 3, kernel: 3)), _window))!;
        Assert.That(flat.Message, Does.Contain("(1, 3, 26, 26)"));
        var adaptive = Assert.Throws<ShapeException>(() => FullyConvolutional.Of(
            new Sequential(new AdaptiveAvgPool2d(7), new Flatten(), new Linear(98, 5)), _window))!;
        Assert.That(adaptive.Message, Does.StartWith("layer '0' (AdaptiveAvgPool2d)").And.Contain("7 x 7"));
        Assert.That(ModelRegistry.TryGet("fcn-nothing", out _), Is.False);
        Assert.Throws<ArgumentException>(() => ModelRegistry.Get("fcn-unet").Create());
        var small = Assert.Throws<ShapeException>(() => ModelSummary.Of(ModelRegistry.Get("fcn-mnistnet").Create(), new Shape(1, 24, 28)))!;
        Assert.That(small.Layer, Is.EqualTo("7"));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void It_slides_on_every_device(string name)
    {
        var window = new Shape(1, 8, 8);
        var model = new Sequential(new Conv2d(1, 3, kernel: 3), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(27, 4));
        var (maps, shape) = DenseRun.Forward(FullyConvolutional.Of(model, window), TestDevices.Get(name), new Shape(1, 1, 10, 12), DenseRun.Noise(new Shape(1, 10, 12), 5));
        Assert.That(shape, Is.EqualTo(new Shape(1, 4, 2, 3)));
        Assert.That(maps, Has.None.NaN.And.Some.Not.Zero);
        model.ReleaseTensors();
    }
}
