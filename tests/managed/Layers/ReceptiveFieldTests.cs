using DeepNative.Layers;
using DeepNative.Models;

namespace DeepNative.Tests.Layers;

/// <summary>What an element sees: against published numbers, and against gradients, which are zero elsewhere.</summary>
internal sealed class ReceptiveFieldTests
{
    // AlexNet, VGG and Inception: Araujo, Norris, Sim: "Computing receptive fields of convolutional neural networks", 2019,
    // table 1. Residual nets by hand, as the survey's halve at the end of a stage: 11 behind the stem's pooling, 2 * stride
    // for each window of 3 x 3; of 50 layers 11 + 3 * 8 + (8 + 3 * 16) + (16 + 5 * 32) + (32 + 2 * 64).
    [TestCase("alexnet", 195, 32)]
    [TestCase("vgg-d", 212, 32)]
    [TestCase("inception-v3", 1311, 32)]
    [TestCase("resnet50", 427, 32)]
    [TestCase("resnet101", 427 + 17 * 32, 32)]
    [TestCase("resnet152", 427 + 4 * 16 + 30 * 32, 32)]
    public void Are_those_of_the_survey(string name, int size, double stride)
    {
        var entry = ModelRegistry.Get(name);
        var summary = ModelSummary.Of(entry.Create(), entry.InputShape);
        var field = summary.Layers.Where(layer => layer.Field is not null).MaxBy(layer => layer.Field!.Size[0])!.Field!;
        Assert.That(field.Stride, Is.All.EqualTo(stride));
        Assert.That(field.Size[0], Is.EqualTo(size));
        Assert.That(summary.Layers[^1].Field, Is.Null, "the classes see everything");
    }

    private static IEnumerable<TestCaseData> Nets()
    {
        yield return Case("windows", new Sequential(new Conv2d(1, 2, (3, 5), stride: (2, 1)), new MaxPool2d(2), new Conv2d(2, 1, 3, dilation: 2)));
        yield return Case("branches", new Branches(new Conv2d(1, 1, 1), new Conv2d(1, 1, 5, padding: 2), new Sequential(new Conv2d(1, 1, (1, 7), padding: (0, 3)), new Conv2d(1, 1, 3, padding: 1))));
        yield return Case("residual", new Residual(new Sequential(new Conv2d(1, 1, 3, padding: 1), new Conv2d(1, 1, 3, padding: 1))));
        yield return Case("transposed", new Sequential(new Conv2d(1, 2, 3, stride: 2, padding: 1), new ConvTranspose2d(2, 1, 2, stride: 2), new Conv2d(1, 1, 3, padding: 1)));
        yield return Case("shifted windows", new Branches(new Conv2d(1, 1, 3, padding: new Padding((2, 2), (0, 0))), new Conv2d(1, 1, 3, padding: new Padding((0, 0), (2, 2)))));
        yield return Case("shortcut of zeros", new ResidualBlock(1, 2, 2, bottleneck: false, new ResNetOptions { Shortcut = ResidualShortcut.PaddedIdentity }));

        static TestCaseData Case(string name, Layer layer) => new TestCaseData(layer).SetArgDisplayNames(name);
    }

    // The largest box of nonzero gradients over all elements in the middle is the field.
    [TestCaseSource(nameof(Nets))]
    public void Are_where_the_gradient_is(Layer layer)
    {
        const int Extent = 24;
        var device = TestDevices.Get("cpu");
        var field = ModelSummary.Of(layer, new Shape(1, Extent, Extent)).Layers[^1].Field;
        var whole = FieldOf(layer, new Shape(1, 1, Extent, Extent));
        Assert.That(field, Is.Not.Null);
        layer.Materialize(device, seed: 3);
        using var x = new Tensor(device, DType.Float32, new Shape(1, 1, Extent, Extent));
        var numbers = new float[Extent * Extent];
        new Philox(5, stream: 0).FillNormal(numbers, 1f, 0.5f);
        x.Write<float>(numbers);
        var graph = new Graph(training: false);
        var input = graph.Bind(x, "x");
        var y = layer.Forward(input);
        using var seed = new Tensor(device, DType.Float32, y.Shape);
        using var result = new Tensor(device, DType.Float32, x.Shape);
        graph.Store(graph.Gradients(y, graph.Bind(seed, "seed"), [input])[0], result);
        using var program = graph.Compile(device);
        var (height, width) = (0L, 0L);
        var extents = y.Shape;
        for (var row = extents[2] / 3; row <= extents[2] * 2 / 3; row++)
        {
            for (var column = extents[3] / 3; column <= extents[3] * 2 / 3; column++)
            {
                var ones = new float[extents.Count];
                for (var channel = 0; channel < extents[1]; channel++) ones[(channel * extents[2] + row) * extents[3] + column] = 1f + channel;
                seed.Write<float>(ones);
                program.Run();
                var gradient = result.ToArray<float>();
                var seen = Enumerable.Range(0, gradient.Length).Where(i => gradient[i] != 0f).ToArray();
                if (seen.Length == 0) continue;
                height = Math.Max(height, seen.Max(i => i / Extent) - seen.Min(i => i / Extent) + 1);
                width = Math.Max(width, seen.Max(i => i % Extent) - seen.Min(i => i % Extent) + 1);
            }
        }

        layer.ReleaseTensors();
        Assert.That(whole!.Size, Is.EqualTo(new Shape(height, width)));
    }

    [Test]
    public void A_model_of_150_layers_is_summed_up_at_once()
    {
        var entry = ModelRegistry.Get("resnet152");
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Assert.That(ModelSummary.Of(entry.Create(), entry.InputShape).Layers, Has.Count.GreaterThan(450));
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)));
    }

    private static ReceptiveField? FieldOf(Layer layer, Shape shape)
    {
        var graph = new Graph(training: false);
        var input = graph.Declare(DType.Float32, shape, "x");
        var output = layer.Forward(input);
        return new ReceptiveFields(input).Of(output);
    }
}
