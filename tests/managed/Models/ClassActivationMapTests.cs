using DeepNative.Layers;
using DeepNative.Models;

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
}
