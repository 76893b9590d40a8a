using DeepNative.Layers;

namespace DeepNative.Tests.Layers;

/// <summary>Names, shapes, counts and errors; no device is needed.</summary>
internal sealed class LayerTests
{
    private static readonly string[] _sequentialNames = ["0.weight", "0.bias", "2.weight", "2.bias"];

    [Test]
    public void Parameters_are_named_by_their_path()
    {
        var model = new Sequential(new Linear(4, 3), new ReLU(), new Linear(3, 2));
        Assert.That(model.Parameters().Select(p => p.Name), Is.EqualTo(_sequentialNames));
        var nested = new Sequential(
            new Sequential(new Conv2d(1, 2, kernel: 3, bias: false), new BatchNorm(2)),
            new Residual(new Sequential(new Conv2d(2, 2, kernel: 3, padding: 1)), new Conv2d(2, 2, kernel: 1)));
        Assert.That(nested.Parameters().Select(p => p.Name), Is.EqualTo(new[]
        {
            "0.0.weight", "0.1.weight", "0.1.bias", "0.1.running_mean", "0.1.running_var", "1.body.0.weight", "1.body.0.bias",
            "1.shortcut.weight", "1.shortcut.bias",
        }));
        Assert.That(nested.Parameters().Where(p => !p.Trainable).Select(p => p.Name), Is.EqualTo(new[] { "0.1.running_mean", "0.1.running_var" }));
    }

    [Test]
    public void A_layer_alone_has_bare_names() =>
        Assert.That(new Linear(2, 2).Parameters().Select(p => p.Name), Is.EqualTo(new[] { "weight", "bias" }));

    [Test]
    public void A_shared_layer_counts_once()
    {
        var shared = new Linear(4, 4);
        var model = new Sequential(shared, new ReLU(), shared);
        Assert.That(model.Parameters(), Has.Count.EqualTo(2));
        Assert.That(model.ParameterCount(), Is.EqualTo(20));
        Assert.That(shared.Name, Is.EqualTo("0"));
    }

    [Test]
    public void Random_states_are_not_parameters()
    {
        var model = new Sequential(new Linear(2, 2), new Dropout(0.5f));
        Assert.That(model.Parameters(), Has.Count.EqualTo(2));
        var state = model.RandomStates().Single();
        Assert.That((state.Name, state.Shape, state.DType), Is.EqualTo(("1.random_state", new Shape(2), DType.Int64)));
    }

    private static IEnumerable<TestCaseData> Shapes()
    {
        yield return Case(new Conv2d(3, 8, kernel: 5), [2, 3, 28, 28], [2, 8, 24, 24]);
        yield return Case(new Conv2d(4, 8, kernel: (3, 5), stride: 2, padding: (1, 2), groups: 2), [2, 4, 9, 9], [2, 8, 5, 5]);
        yield return Case(new Conv2d(1, 1, kernel: 3, dilation: 2), [1, 1, 7, 7], [1, 1, 3, 3]);
        yield return Case(new MaxPool2d(3), [2, 3, 24, 25], [2, 3, 8, 8]);
        yield return Case(new MaxPool2d(3, stride: 2, padding: 1), [2, 3, 8, 8], [2, 3, 4, 4]);
        yield return Case(new AvgPool2d(2), [2, 3, 8, 6], [2, 3, 4, 3]);
        yield return Case(new Conv2d(3, 8, kernel: (3, 4), stride: (1, 2), padding: new Padding((0, 1), (2, 3))), [2, 3, 8, 9], [2, 8, 8, 5]);
        yield return Case(new Conv2d(3, 8, kernel: (3, 4), stride: (1, 3), padding: Padding.Same), [2, 3, 8, 10], [2, 8, 8, 4]);
        yield return Case(new Conv2d(3, 8, kernel: 3, dilation: 2, padding: Padding.Same), [2, 3, 1, 2], [2, 8, 1, 2]);
        yield return Case(new Conv1d(3, 8, kernel: 5, stride: 2, padding: 2), [2, 3, 28], [2, 8, 14]);
        yield return Case(new Conv3d(3, 8, kernel: (1, 3, 3), padding: (0, 1, 1)), [2, 3, 4, 5, 6], [2, 8, 4, 5, 6]);
        yield return Case(new DepthwiseConv2d(4, kernel: 3, padding: Padding.Same, multiplier: 2), [2, 4, 7, 5], [2, 8, 7, 5]);
        yield return Case(new ConvTranspose1d(4, 6, kernel: 3, stride: 2, padding: 1, outputPadding: 1), [2, 4, 7], [2, 6, 14]);
        yield return Case(new ConvTranspose2d(4, 6, kernel: 2, stride: 2, groups: 2), [2, 4, 7, 5], [2, 6, 14, 10]);
        yield return Case(new MaxPool1d(3, stride: 2), [2, 3, 9], [2, 3, 4]);
        yield return Case(new MaxPool2d(3, stride: 2, ceilMode: true), [2, 3, 8, 6], [2, 3, 4, 3]);
        yield return Case(new MaxPool2d(2, stride: 3, padding: 1, ceilMode: true), [2, 3, 5, 4], [2, 3, 2, 2]);
        yield return Case(new MaxPool2d(3, stride: 2, padding: Padding.Same), [2, 3, 7, 8], [2, 3, 4, 4]);
        yield return Case(new AvgPool1d(2), [2, 3, 9], [2, 3, 4]);
        yield return Case(new GlobalAvgPool(), [2, 3, 8, 6], [2, 3, 1, 1]);
        yield return Case(new GlobalAvgPool(), [2, 3, 8], [2, 3, 1]);
        yield return Case(new GlobalMaxPool(), [2, 3, 8, 6], [2, 3, 1, 1]);
        yield return Case(new Dropout2d(), [2, 3, 8, 6], [2, 3, 8, 6]);
        yield return Case(new GaussianNoise(), [2, 5], [2, 5]);
        yield return Case(new GaussianDropout(), [2, 5], [2, 5]);
        yield return Case(new BatchNorm(3), [2, 3, 8, 6], [2, 3, 8, 6]);
        yield return Case(new BatchNorm(3), [2, 3], [2, 3]);
        yield return Case(new Flatten(), [2, 3, 8, 6], [2, 144]);
        yield return Case(new Linear(5, 7), [2, 5], [2, 7]);
        yield return Case(new Dropout(), [2, 5], [2, 5]);
        yield return Case(new Maxout(4), [2, 8, 3], [2, 2, 3]);
        yield return Case(new Glu(), [2, 8, 3], [2, 4, 3]);
        foreach (var layer in new Layer[]
        {
            new Celu(), new Elu(), new Gelu(), new HardSigmoid(), new HardSwish(), new HardTanh(), new Heaviside(), new Identity(), new LeakyReLU(), new LogSigmoid(), new LogSoftmax(),
            new Mish(), new PReLU(), new PReLU(5), new ReLU(), new ReLU6(), new Selu(), new Sigmoid(), new Silu(), new Softmax(), new Softplus(), new Softsign(),
            new Tanh(),
        })
        {
            yield return Case(layer, [2, 5], [2, 5]);
        }

        static TestCaseData Case(Layer layer, Shape input, Shape output) =>
            new TestCaseData(layer, input, output).SetArgDisplayNames($"{layer.Kind} {input}");
    }

    [TestCaseSource(nameof(Shapes))]
    public void Output_shapes_follow_the_formula(Layer layer, Shape input, Shape output)
    {
        foreach (var training in new[] { false, true })
        {
            var graph = new Graph(training, "shapes");
            Assert.That(layer.Forward(graph.Declare(DType.Float32, input, "input")).Shape, Is.EqualTo(output));
        }
    }

    private static IEnumerable<TestCaseData> BadShapes()
    {
        yield return Case(new Conv2d(1, 8, kernel: 5), [2, 3, 28, 28], "Conv2d", "(N, 1, H, W)");
        yield return Case(new Conv2d(1, 8, kernel: 5), [2, 28, 28], "Conv2d", "(N, 1, H, W)");
        yield return Case(new Linear(256, 10), [2, 255], "Linear", "(N, 256)");
        yield return Case(new Linear(256, 10), [256], "Linear", "(N, 256)");
        yield return Case(new MaxPool2d(2), [2, 8], "MaxPool2d", "(N, C, H, W)");
        yield return Case(new AvgPool2d(2), [2, 8], "AvgPool2d", "(N, C, H, W)");
        yield return Case(new GlobalAvgPool(), [2, 8], "GlobalAvgPool", "(N, C, spatial...)");
        yield return Case(new GlobalMaxPool(), [2, 8], "GlobalMaxPool", "(N, C, spatial...)");
        yield return Case(new Conv1d(3, 8, kernel: 5), [2, 4, 28], "Conv1d", "(N, 3, L)");
        yield return Case(new Conv3d(3, 8, kernel: 5), [2, 3, 28, 28], "Conv3d", "(N, 3, D, H, W)");
        yield return Case(new ConvTranspose2d(3, 8, kernel: 5), [2, 8, 28, 28], "ConvTranspose2d", "(N, 3, H, W)");
        yield return Case(new DepthwiseConv2d(3, kernel: 3), [2, 4, 28, 28], "DepthwiseConv2d", "(N, 3, H, W)");
        yield return Case(new MaxPool1d(2), [2, 3, 8, 8], "MaxPool1d", "(N, C, L)");
        yield return Case(new AvgPool1d(2), [2, 3, 8, 8], "AvgPool1d", "(N, C, L)");
        yield return Case(new Dropout2d(), [2, 3], "Dropout2d", "(N, C, spatial...)");
        yield return Case(new BatchNorm(4), [2, 3, 5, 5], "BatchNorm", "(N, 4, ...)");
        yield return Case(new PReLU(4), [2, 3, 5, 5], "PReLU", "(N, 4, ...)");

        static TestCaseData Case(Layer layer, Shape input, string kind, string expected) =>
            new TestCaseData(layer, input, kind, expected).SetArgDisplayNames($"{kind} {input}");
    }

    [TestCaseSource(nameof(BadShapes))]
    public void A_wrong_shape_names_layer_found_and_expected(Layer layer, Shape input, string kind, string expected)
    {
        var model = new Sequential(new Identity(), layer);
        var graph = new Graph(training: false, "shapes");
        var value = graph.Declare(DType.Float32, input, "input");
        var error = Assert.Throws<ShapeException>(() => model.Forward(value))!;
        Assert.That(error.Message, Is.EqualTo($"layer '1' ({kind}): input is {input}, expected {expected}"));
        Assert.That((error.Layer, error.Expected, error.Found), Is.EqualTo(("1", expected, input.ToString())));
    }

    [Test]
    public void A_window_larger_than_its_input_names_the_layer()
    {
        var model = new Sequential(new Conv2d(1, 2, kernel: 5), new MaxPool2d(9));
        var graph = new Graph(training: false, "shapes");
        var error = Assert.Throws<ShapeException>(() => model.Forward(graph.Declare(DType.Float32, new Shape(1, 1, 8, 8), "input")))!;
        Assert.That(error.Message, Does.Contain("layer '1'"));
    }

    [Test]
    public void Both_sides_of_a_residual_must_agree()
    {
        var model = new Sequential(new Residual(new Conv2d(2, 3, kernel: 1)));
        var graph = new Graph(training: false, "shapes");
        var error = Assert.Throws<ShapeException>(() => model.Forward(graph.Declare(DType.Float32, new Shape(1, 2, 4, 4), "input")))!;
        Assert.That(error.Message, Does.Contain("'0' (Residual)").And.Contain("(1, 3, 4, 4)").And.Contain("(1, 2, 4, 4)"));
    }

    [Test]
    public void Wrong_arguments_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Conv2d(0, 1, kernel: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Conv2d(1, 1, kernel: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Conv2d(1, 1, kernel: 1, stride: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Conv2d(1, 1, kernel: 1, padding: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Conv2d(1, 1, kernel: (1, 1, 1)));
        Assert.Throws<ArgumentException>(() => _ = new Conv2d(3, 4, kernel: 1, groups: 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Conv2d(1, 1, kernel: 1, padding: new Padding(0, (0, -1))));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new DepthwiseConv2d(0, kernel: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new DepthwiseConv2d(1, kernel: 1, multiplier: 0));
        Assert.Throws<ArgumentException>(() => _ = new ConvTranspose2d(1, 1, kernel: 1, padding: Padding.Same));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new ConvTranspose2d(1, 1, kernel: 3, stride: (2, 1), outputPadding: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new MaxPool2d(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new MaxPool1d(2, padding: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GaussianNoise(-1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GaussianNoise(float.PositiveInfinity));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GaussianDropout(1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Linear(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Dropout(1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Dropout(float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new BatchNorm(1, epsilon: 0f));
    }

    [Test]
    public void A_summary_has_shapes_parameters_and_work()
    {
        var model = new Sequential(new Conv2d(1, 4, kernel: 3), new ReLU(), new Residual(new Conv2d(4, 4, kernel: 1)), new Flatten(), new Linear(144, 2));
        var summary = ModelSummary.Of(model, new Shape(1, 8, 8));
        Assert.That(summary.Layers.Select(layer => (layer.Name, layer.Kind)), Is.EqualTo(new[]
        {
            ("0", "Conv2d"), ("1", "ReLU"), ("2.body", "Conv2d"), ("3", "Flatten"), ("4", "Linear"),
        }));
        Assert.That(
            summary.Layers[0] with { Field = null }, Is.EqualTo(new LayerSummary("0", "Conv2d", new Shape(1, 4, 6, 6), 40, 4 * 36 * 9)));
        Assert.That($"{summary.Layers[0].Field}", Is.EqualTo("3 / 1"));
        Assert.That(summary.Layers[2].MultiplyAdds, Is.EqualTo(4 * 36 * 4));
        Assert.That(summary.Parameters, Is.EqualTo(40 + 20 + 290));
        Assert.That(summary.MultiplyAdds, Is.EqualTo(4 * 36 * 9 + 4 * 36 * 4 + 288));
    }

    [Test]
    public void Convolutions_count_their_multiplications()
    {
        var model = new Sequential(
            new Conv2d(4, 6, kernel: (3, 2), groups: 2), new ConvTranspose2d(6, 4, kernel: 2, stride: 2, groups: 2), new DepthwiseConv2d(4, kernel: 3),
            new MaxPool2d(2));
        var counts = ModelSummary.Of(model, new Shape(4, 9, 8), batch: 2).Layers.Select(layer => layer.MultiplyAdds);
        Assert.That(counts, Is.EqualTo(new[] { 2 * 6 * 7 * 7 * 2 * 6, 2 * 6 * 7 * 7 * 2 * 4, 2 * 4 * 12 * 12 * 9, 0 }));
    }

    [Test]
    public void An_unpooling_needs_its_pooling_before_it()
    {
        var pool = new MaxPool2d(2);
        var model = new Sequential(new MaxUnpool2d(pool), pool);
        var graph = new Graph(training: false, "shapes");
        var x = graph.Declare(DType.Float32, new Shape(1, 1, 4, 4), "input");
        var error = Assert.Throws<InvalidOperationException>(() => model.Forward(x))!;
        Assert.That(error.Message, Is.EqualTo("layer '0' (MaxUnpool2d): its pooling, layer '1' (MaxPool2d), must come before it in the same model."));
        var wrong = Assert.Throws<ShapeException>(() => new Sequential(pool, new Conv2d(1, 2, kernel: 1), new MaxUnpool2d(pool)).Forward(x))!;
        Assert.That(wrong.Message, Is.EqualTo("layer '2' (MaxUnpool2d): input is (1, 2, 2, 2), expected (1, 1, 2, 2), the output of layer '1' (MaxPool2d)"));
    }
}
