using DeepNative.Layers;

namespace DeepNative.Tests.Layers;

/// <summary>Embeddings, upsampling and adaptive pooling as layers; their values are golden.</summary>
internal sealed class IndexingLayerTests
{
    private static IEnumerable<TestCaseData> Shapes()
    {
        yield return Case(new Embedding(10, 3), DType.Int32, [4], [4, 3]);
        yield return Case(new Embedding(10, 3, paddingIndex: 9), DType.Int32, [4, 5, 6], [4, 5, 6, 3]);
        yield return Case(new Embedding(1, 1), DType.Int32, [0, 2], [0, 2, 1]);
        yield return Case(new EmbeddingBag(10, 3), DType.Int32, [4, 5], [4, 3]);
        yield return Case(new EmbeddingBag(10, 3, BagMode.Sum, paddingIndex: 0), DType.Int32, [4, 5], [4, 3]);
        yield return Case(new Upsample(2), DType.Float32, [1, 2, 3, 4], [1, 2, 6, 8]);
        yield return Case(new Upsample(1.5, UpsampleMode.Linear), DType.Float32, [1, 2, 3], [1, 2, 4]);
        yield return Case(Upsample.ToSize((5, 7), UpsampleMode.Linear, alignCorners: true), DType.Float32, [1, 2, 3, 4], [1, 2, 5, 7]);
        yield return Case(new AdaptiveAvgPool1d(3), DType.Float32, [2, 4, 7], [2, 4, 3]);
        yield return Case(new AdaptiveAvgPool2d((6, 6)), DType.Float32, [2, 4, 13, 12], [2, 4, 6, 6]);

        static TestCaseData Case(Layer layer, DType dtype, Shape input, Shape output) =>
            new TestCaseData(layer, dtype, input, output).SetArgDisplayNames($"{layer.Kind} {input}");
    }

    [TestCaseSource(nameof(Shapes))]
    public void Output_shapes_follow_the_formula(Layer layer, DType dtype, Shape input, Shape output)
    {
        var graph = new Graph(training: true, "shapes");
        Assert.That(layer.Forward(graph.Declare(dtype, input, "input")).Shape, Is.EqualTo(output));
    }

    private static IEnumerable<TestCaseData> BadShapes()
    {
        yield return Case(new Embedding(10, 3), DType.Int32, [1, 1, 1, 1, 1, 1, 1, 1], "(N, ...) of up to seven axes");
        yield return Case(new Embedding(10, 3), DType.Float32, [4], "indices is Float32, expected Int32");
        yield return Case(new EmbeddingBag(10, 3), DType.Int32, [4], "(N, L)");
        yield return Case(new EmbeddingBag(10, 3), DType.Int32, [4, 0], "(N, L) with L of 1 or more");
        yield return Case(new Upsample(2), DType.Float32, [3, 4], "one to three spatial axes");
        yield return Case(new Upsample(0.1), DType.Float32, [1, 1, 4], "nothing is left of axis 2");
        yield return Case(new AdaptiveAvgPool1d(3), DType.Float32, [2, 4, 7, 7], "(N, C, L)");
        yield return Case(new AdaptiveAvgPool2d(3), DType.Float32, [2, 4, 7], "(N, C, H, W)");
        yield return Case(new AdaptiveAvgPool2d(0), DType.Float32, [2, 4, 7, 7], "size is 0, expected 1 or more");

        static TestCaseData Case(Layer layer, DType dtype, Shape input, string message) =>
            new TestCaseData(layer, dtype, input, message).SetArgDisplayNames($"{layer.Kind} {input}");
    }

    [TestCaseSource(nameof(BadShapes))]
    public void Bad_inputs_are_refused_with_the_layer_named(Layer layer, DType dtype, Shape input, string message)
    {
        var graph = new Graph(training: true, "shapes");
        var model = new Sequential(layer);
        var error = Assert.Throws<ShapeException>(() => model.Forward(graph.Declare(dtype, input, "input")))!;
        Assert.That(error.Message, Does.Contain("'0'").And.Contain(message));
    }

    [Test]
    public void Bad_arguments_are_refused()
    {
        Assert.That(() => new Embedding(0, 3), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Embedding(5, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Embedding(5, 3, paddingIndex: 5), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new EmbeddingBag(5, 3, paddingIndex: -1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new EmbeddingBag(5, 3, (BagMode)7), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Upsample(0.0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Upsample(2.0, (UpsampleMode)7), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void First_values_are_normal_and_the_padding_row_zero()
    {
        var layer = new Embedding(200, 50, paddingIndex: 3);
        layer.Materialize(TestDevices.Get("cpu"), seed: 5);
        var values = layer.Parameters()[0].Tensor!.ToArray<float>();
        layer.ReleaseTensors();
        Assert.That(values.Skip(150).Take(50), Is.All.Zero);
        var others = values.Where((_, i) => i / 50 != 3).Select(value => (double)value).ToArray();
        Assert.That(others.Average(), Is.EqualTo(0).Within(0.04));
        Assert.That(Math.Sqrt(others.Average(value => value * value)), Is.EqualTo(1).Within(0.03));
    }
}
