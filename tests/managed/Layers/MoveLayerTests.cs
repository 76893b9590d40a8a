using DeepNative.Layers;

namespace DeepNative.Tests.Layers;

/// <summary>Layers that move data, and attention: names, shapes and errors; no device is needed.</summary>
internal sealed class MoveLayerTests
{
    private static IEnumerable<TestCaseData> Shapes()
    {
        yield return Case(new ZeroPad1d(2), [2, 3, 5], [2, 3, 9]);
        yield return Case(new ReflectionPad1d(4, 0), [2, 3, 5], [2, 3, 9]);
        yield return Case(new ReplicationPad1d(0, 7), [2, 3, 5], [2, 3, 12]);
        yield return Case(new ZeroPad2d(1), [2, 3, 5, 4], [2, 3, 7, 6]);
        yield return Case(new ReflectionPad2d(1, 2, 3, 4), [2, 3, 5, 4], [2, 3, 12, 7]);
        yield return Case(new ReplicationPad2d(9, 0, 0, 9), [2, 3, 1, 1], [2, 3, 10, 10]);
        yield return Case(new PixelShuffle(2), [2, 12, 5, 4], [2, 3, 10, 8]);
        yield return Case(new PixelUnshuffle(2), [2, 3, 10, 8], [2, 12, 5, 4]);
        yield return Case(new ChannelShuffle(3), [2, 6, 5], [2, 6, 5]);
        yield return Case(new Unflatten(1, [2, 3]), [4, 6, 5], [4, 2, 3, 5]);
        yield return Case(new Unflatten(-1, [1, 28, 28]), [4, 784], [4, 1, 28, 28]);
        yield return Case(new Permute(0, 2, 3, 1), [2, 3, 5, 4], [2, 5, 4, 3]);
        yield return Case(new Branches(new Identity(), new ReLU()), [2, 3, 5], [2, 6, 5]);
        yield return Case(new Branches(-1, new Identity(), new ZeroPad1d(1, 0)), [2, 3, 5], [2, 3, 11]);
        yield return Case(new Branches(new Conv2d(3, 8, kernel: 1), new Sequential(new Conv2d(3, 4, kernel: 1), new Conv2d(4, 16, kernel: 3, padding: 1))), [2, 3, 5, 5], [2, 24, 5, 5]);
        yield return Case(new MultiHeadAttention(12, 3), [2, 5, 12], [2, 5, 12]);
        yield return Case(new MultiHeadAttention(4, 4, bias: false, dropout: 0.5f, causal: true), [1, 1, 4], [1, 1, 4]);

        static TestCaseData Case(Layer layer, Shape input, Shape output) =>
            new TestCaseData(layer, input, output).SetArgDisplayNames($"{layer.Kind} {input}");
    }

    [TestCaseSource(nameof(Shapes))]
    public void Output_shapes_follow_the_formula(Layer layer, Shape input, Shape output)
    {
        foreach (var training in new[] { false, true })
            Assert.That(layer.Forward(Declare(new Graph(training, "shapes"), input)).Shape, Is.EqualTo(output));
    }

    private static IEnumerable<TestCaseData> BadShapes()
    {
        yield return Case(new ZeroPad1d(1), [2, 5], "ZeroPad1d): input is (2, 5), expected (N, C, L)");
        yield return Case(new ZeroPad2d(1), [2, 3, 5], "ZeroPad2d): input is (2, 3, 5), expected (N, C, H, W)");
        yield return Case(new ReflectionPad2d(4), [2, 3, 5, 4], "axis 3 of extent 4 is padded by 4 and 4, expected 0 to 3");
        yield return Case(new ReplicationPad1d(1), [2, 3, 0], "axis 2 of extent 0 is padded by 1 and 1, expected 0 to 0");
        yield return Case(new PixelShuffle(2), [2, 3, 5, 4], "input has 3 channels, expected a multiple of 4");
        yield return Case(new Unflatten(1, [4, 4]), [2, 15], "(4, 4) has 16 elements, axis 1 of the input (2, 15) has 15");
        yield return Case(new Permute(1, 0), [2, 3, 4], "permutation has 2 numbers, expected one for each axis");
        yield return Case(new Branches(new Identity(), new ZeroPad1d(1)), [2, 3, 4], "input 1 is (2, 3, 6) and input 0 is (2, 3, 4): they may differ only along axis 1");
        yield return Case(new MultiHeadAttention(12, 3), [2, 5, 11], "MultiHeadAttention): input is (2, 5, 11), expected (2, L, 12)");
        yield return Case(new MultiHeadAttention(12, 3), [5, 12], "input is (5, 12), expected (5, L, 12)");

        static TestCaseData Case(Layer layer, Shape input, string text) => new TestCaseData(layer, input, text).SetArgDisplayNames($"{layer.Kind} {input}");
    }

    [TestCaseSource(nameof(BadShapes))]
    public void A_wrong_shape_names_layer_found_and_expected(Layer layer, Shape input, string text)
    {
        var model = new Sequential(new Identity(), layer);
        var error = Assert.Throws<ShapeException>(() => model.Forward(Declare(new Graph(training: false, "shapes"), input)))!;
        Assert.That(error.Message, Does.StartWith("layer '1' (").And.Contain(text));
        Assert.That(error.Layer, Is.EqualTo("1"));
    }

    [Test]
    public void Attention_has_PyTorchs_names_and_counts_its_work()
    {
        var layer = new MultiHeadAttention(12, 3, dropout: 0.1f);
        var parameters = layer.Parameters().Select(p => (p.Name, p.Shape));
        Assert.That(parameters, Is.EqualTo(new[]
        {
            ("in_proj_weight", new Shape(36, 12)), ("in_proj_bias", new Shape(36)), ("out_proj.weight", new Shape(12, 12)), ("out_proj.bias", new Shape(12)),
        }));
        Assert.That(layer.RandomStates().Select(p => p.Name), Is.EqualTo(new[] { "dropout.random_state" }));
        var summary = ModelSummary.Of(new Sequential(layer), new Shape(5, 12));
        Assert.That(summary.MultiplyAdds, Is.EqualTo((5 * 12 * 36) + (5 * 12 * 12) + (2 * 5 * 5 * 12)));
    }

    [Test]
    public void Further_inputs_of_attention_are_checked()
    {
        var layer = new MultiHeadAttention(12, 3);
        var model = new Sequential(layer);
        Assert.That(model.Children, Has.Count.EqualTo(1));
        var graph = new Graph(training: false, "shapes");
        var (query, memory) = (Declare(graph, [2, 5, 12]), Declare(graph, [2, 7, 12]));
        Assert.That(layer.Forward(query, memory).Shape, Is.EqualTo(new Shape(2, 5, 12)));
        Refused("input is (3, 7, 12), expected (2, L, 12)", () => layer.Forward(query, Declare(graph, [3, 7, 12])));
        Refused("input is (2, 7, 11), expected (2, L, 12)", () => layer.Forward(query, memory, Declare(graph, [2, 7, 11])));
        Refused("lengths is (3), expected (2)", () => layer.Forward(query, memory, memory, lengths: graph.Declare(DType.Int32, [3], "lengths")));
        Refused("lengths is Float32, expected Int32", () => layer.Forward(query, memory, memory, lengths: Declare(graph, [2])));
        Refused("mask is (7, 5), which does not broadcast to (2, 3, 5, 7)", () => layer.Forward(query, memory, memory, mask: Declare(graph, [7, 5])));

        static void Refused(string text, Func<Value> action)
        {
            var error = Assert.Throws<ShapeException>(() => action())!;
            Assert.That(error.Message, Does.StartWith("layer '0' (").And.Contain(text));
        }
    }

    [Test]
    public void Dropout_changes_the_weights_in_training_alone()
    {
        foreach (var training in new[] { false, true })
        {
            var graph = new Graph(training, "dropout");
            new MultiHeadAttention(12, 3, dropout: 0.5f).Forward(Declare(graph, [2, 5, 12]));
            Assert.That(graph.Nodes.OfType<DeepNative.Operators.RandomNode>().Count(), Is.EqualTo(training ? 1 : 0));
        }
    }

    [Test]
    public void Wrong_arguments_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new ZeroPad2d(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new ReflectionPad1d(0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new PixelShuffle(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new PixelUnshuffle(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new ChannelShuffle(0));
        Assert.Throws<ArgumentException>(() => _ = new Branches());
        Assert.Throws<ArgumentException>(() => _ = new MultiHeadAttention(12, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new MultiHeadAttention(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new MultiHeadAttention(12, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new MultiHeadAttention(12, 3, dropout: 1f));
    }

    private static Value Declare(Graph graph, Shape shape) => graph.Declare(DType.Float32, shape, "input");
}
