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
        yield return Case(new GlobalAvgPool(), [2, 3, 8, 6], [2, 3, 1, 1]);
        yield return Case(new BatchNorm(3), [2, 3, 8, 6], [2, 3, 8, 6]);
        yield return Case(new BatchNorm(3), [2, 3], [2, 3]);
        yield return Case(new Flatten(), [2, 3, 8, 6], [2, 144]);
        yield return Case(new Linear(5, 7), [2, 5], [2, 7]);
        yield return Case(new Dropout(), [2, 5], [2, 5]);
        yield return Case(new Maxout(4), [2, 8, 3], [2, 2, 3]);
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
        yield return Case(new GlobalAvgPool(), [2, 8], "GlobalAvgPool", "(N, C, H, W)");
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
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new MaxPool2d(0));
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
        Assert.That(summary.Layers[0], Is.EqualTo(new LayerSummary("0", "Conv2d", new Shape(1, 4, 6, 6), 40, 4 * 36 * 9)));
        Assert.That(summary.Layers[2].MultiplyAdds, Is.EqualTo(4 * 36 * 4));
        Assert.That(summary.Parameters, Is.EqualTo(40 + 20 + 290));
        Assert.That(summary.MultiplyAdds, Is.EqualTo(4 * 36 * 9 + 4 * 36 * 4 + 288));
    }
}
