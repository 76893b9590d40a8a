using DeepNative.Layers;

namespace DeepNative.Tests.Layers;

/// <summary>Parameters, shapes and refusals of the normalisation layers; values are in NormalizationGoldenTests.</summary>
internal sealed class NormalizationLayerTests
{
    private static IEnumerable<TestCaseData> Parameters()
    {
        yield return Case(new LayerNorm([3, 5]), "weight (3, 5)", "bias (3, 5)");
        yield return Case(new LayerNorm(7, bias: false), "weight (7)");
        yield return Case(new LayerNorm(7, elementwiseAffine: false));
        yield return Case(new GroupNorm(2, 6), "weight (6)", "bias (6)");
        yield return Case(new GroupNorm(2, 6, affine: false));
        yield return Case(new InstanceNorm1d(4));
        yield return Case(new InstanceNorm1d(4, affine: true), "weight (4)", "bias (4)");
        yield return Case(new InstanceNorm2d(4));
        yield return Case(new InstanceNorm2d(4, affine: true), "weight (4)", "bias (4)");
        yield return Case(new BatchNorm(3, affine: false), "running_mean (3)", "running_var (3)");
        yield return Case(new BatchNorm(3, trackRunningStatistics: false), "weight (3)", "bias (3)");
        yield return Case(new BatchNorm(3, affine: false, trackRunningStatistics: false));

        static TestCaseData Case(Layer layer, params string[] expected) => new TestCaseData(layer, expected).SetArgDisplayNames($"{layer.Kind} {string.Join(", ", expected)}");
    }

    [TestCaseSource(nameof(Parameters))]
    public void Parameters_are_those_that_were_asked_for(Layer layer, string[] expected) =>
        Assert.That(layer.Parameters().Select(p => $"{p.Name} {p.Shape}"), Is.EqualTo(expected));

    private static IEnumerable<TestCaseData> BadShapes()
    {
        yield return Case(new LayerNorm([3, 5]), [2, 3, 4], "a shape that ends with (3, 5)");
        yield return Case(new LayerNorm(5), [], "a shape that ends with (5)");
        yield return Case(new GroupNorm(2, 6), [2, 4, 3], "(N, 6, ...)");
        yield return Case(new GroupNorm(2, 6), [6], "(N, 6, ...)");
        yield return Case(new InstanceNorm1d(3), [2, 3, 4, 4], "(N, 3, L)");
        yield return Case(new InstanceNorm1d(3), [2, 3, 1], "(N, 3, L) with two or more positions");
        yield return Case(new InstanceNorm2d(3), [2, 4, 4, 4], "(N, 3, H, W)");
        yield return Case(new InstanceNorm2d(3), [2, 3, 1, 1], "(N, 3, H, W) with two or more positions");

        static TestCaseData Case(Layer layer, Shape input, string expected) => new TestCaseData(layer, input, expected).SetArgDisplayNames($"{layer.Kind} {input}");
    }

    [TestCaseSource(nameof(BadShapes))]
    public void A_wrong_shape_names_layer_found_and_expected(Layer layer, Shape input, string expected)
    {
        var model = new Sequential(new Identity(), layer);
        var graph = new Graph(training: true, "shapes");
        var error = Assert.Throws<ShapeException>(() => model.Forward(graph.Declare(DType.Float32, input, "input")))!;
        Assert.That(error.Message, Is.EqualTo($"layer '1' ({layer.Kind}): input is {input}, expected {expected}"));
    }

    [Test]
    public void Wrong_arguments_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LayerNorm(new Shape()));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LayerNorm(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LayerNorm(4, epsilon: 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GroupNorm(0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GroupNorm(3, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GroupNorm(2, 4, epsilon: -1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new InstanceNorm1d(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new InstanceNorm2d(1, epsilon: 0f));
        Assert.Throws<InvalidOperationException>(() => new BatchNorm(2, trackRunningStatistics: false).Frozen = true);
    }
}
