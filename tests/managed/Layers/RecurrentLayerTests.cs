using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Tests.Layers;

/// <summary>Names, shapes and errors; the golden tests compare the numbers.</summary>
internal sealed class RecurrentLayerTests
{
    [Test]
    public void Parameters_have_PyTorchs_names_and_shapes()
    {
        var lstm = new Lstm(3, 5, layers: 2, bidirectional: true);
        Assert.That(lstm.Parameters().Select(p => $"{p.Name} {p.Shape}"), Is.EqualTo(new[]
        {
            "weight_ih_l0 (20, 3)", "weight_hh_l0 (20, 5)", "bias_ih_l0 (20)", "bias_hh_l0 (20)",
            "weight_ih_l0_reverse (20, 3)", "weight_hh_l0_reverse (20, 5)", "bias_ih_l0_reverse (20)", "bias_hh_l0_reverse (20)",
            "weight_ih_l1 (20, 10)", "weight_hh_l1 (20, 5)", "bias_ih_l1 (20)", "bias_hh_l1 (20)",
            "weight_ih_l1_reverse (20, 10)", "weight_hh_l1_reverse (20, 5)", "bias_ih_l1_reverse (20)", "bias_hh_l1_reverse (20)",
        }));
        Assert.That(new Gru(3, 5, bias: false).Parameters().Select(p => $"{p.Name} {p.Shape}"), Is.EqualTo(new[]
        {
            "weight_ih_l0 (15, 3)", "weight_hh_l0 (15, 5)",
        }));
        Assert.That(new RnnCell(3, 5).Parameters().Select(p => $"{p.Name} {p.Shape}"), Is.EqualTo(new[]
        {
            "weight_ih (5, 3)", "weight_hh (5, 5)", "bias_ih (5)", "bias_hh (5)",
        }));
    }

    private static IEnumerable<TestCaseData> Shapes()
    {
        yield return Case(new Lstm(3, 5), [2, 7, 3], [2, 7, 5]);
        yield return Case(new Lstm(3, 5, layers: 2, bidirectional: true), [2, 7, 3], [2, 7, 10]);
        yield return Case(new Gru(3, 5, batchFirst: false), [7, 2, 3], [7, 2, 5]);
        yield return Case(new Gru(3, 5, layers: 2, bidirectional: true, returnSequences: false), [2, 7, 3], [2, 10]);
        yield return Case(new Rnn(3, 5, dropout: 0.5f, layers: 3, returnSequences: false), [2, 7, 3], [2, 5]);
        yield return Case(new Rnn(3, 5, nonlinearity: RecurrentCell.ReLU), [0, 7, 3], [0, 7, 5]);
        yield return Case(new RnnCell(3, 5), [2, 3], [2, 5]);
        yield return Case(new LstmCell(3, 5, bias: false), [2, 3], [2, 5]);
        yield return Case(new GruCell(3, 5), [2, 3], [2, 5]);

        static TestCaseData Case(Layer layer, Shape input, Shape output) => new TestCaseData(layer, input, output).SetArgDisplayNames(layer.Kind, input.ToString());
    }

    [TestCaseSource(nameof(Shapes))]
    public void Output_has_the_shape(Layer layer, Shape input, Shape output)
    {
        var graph = new Graph(training: true);
        Assert.That(layer.Forward(graph.Declare(DType.Float32, input, "x")).Shape, Is.EqualTo(output));
    }

    [Test]
    public void States_are_by_layer_and_direction()
    {
        var graph = new Graph(training: true);
        var x = graph.Declare(DType.Float32, [2, 7, 3], "x");
        var result = new Lstm(3, 5, layers: 2, bidirectional: true).Forward(x, graph.Declare(DType.Int32, [2], "lengths"));
        Assert.That((result.Output.Shape, result.Hidden.Shape, result.Cell!.Shape), Is.EqualTo((new Shape(2, 7, 10), new Shape(4, 2, 5), new Shape(4, 2, 5))));
        Assert.That(new Gru(3, 5).Forward(x, null).Cell, Is.Null);
    }

    [Test]
    public void Dropout_stands_between_the_layers_only()
    {
        Assert.That(new Lstm(3, 5, layers: 3, dropout: 0.5f).RandomStates().Select(state => state.Name), Is.EqualTo(new[]
        {
            "dropout_l0.random_state", "dropout_l1.random_state",
        }));
        Assert.That(new Lstm(3, 5, dropout: 0.5f).RandomStates(), Is.Empty);
        Assert.That(new Lstm(3, 5, layers: 2).RandomStates(), Is.Empty);
    }

    private static IEnumerable<TestCaseData> BadInputs()
    {
        yield return Case(new Lstm(3, 5), [2, 7, 4], "input is (2, 7, 4), expected (N, T, 3)");
        yield return Case(new Gru(3, 5, batchFirst: false), [2, 3], "input is (2, 3), expected (T, N, 3)");
        yield return Case(new Rnn(3, 5), [2, 0, 3], "T at least 1");
        yield return Case(new RnnCell(3, 5), [2, 4], "input is (2, 4), expected (N, 3)");

        static TestCaseData Case(Layer layer, Shape input, string text) => new TestCaseData(layer, input, text).SetArgDisplayNames(layer.Kind, text);
    }

    [TestCaseSource(nameof(BadInputs))]
    public void Inputs_that_do_not_fit_are_named(Layer layer, Shape input, string text)
    {
        var model = new Sequential(layer);
        var error = Assert.Throws<ShapeException>(() => model.Forward(new Graph(training: true).Declare(DType.Float32, input, "x")))!;
        Assert.That(error.Message, Does.StartWith($"layer '0' ({layer.Kind}): ").And.Contains(text));
        Assert.That(error.Layer, Is.EqualTo("0"));
    }

    [Test]
    public void States_that_do_not_fit_are_named()
    {
        var graph = new Graph(training: true);
        var x = graph.Declare(DType.Float32, [2, 7, 3], "x");
        var state = graph.Declare(DType.Float32, [1, 2, 4], "state");
        Assert.That(() => new Lstm(3, 5).Forward(x, null, state), Throws.TypeOf<ShapeException>().With.Message.Contains("hidden state is (1, 2, 4), expected (1, 2, 5)"));
        Assert.That(() => new Lstm(3, 5).Forward(x, null, null, state), Throws.TypeOf<ShapeException>().With.Message.Contains("cell state is (1, 2, 4), expected (1, 2, 5)"));
        Assert.That(() => new Gru(3, 5).Forward(x, graph.Declare(DType.Int32, [3], "lengths")), Throws.TypeOf<ShapeException>().With.Message.Contains("lengths is (3), expected (2)"));
        var row = graph.Declare(DType.Float32, [2, 3], "row");
        Assert.That(() => new LstmCell(3, 5).Forward(row, null, row), Throws.TypeOf<ShapeException>().With.Message.Contains("cell state is (2, 3), expected (2, 5)"));
    }

    [Test]
    public void Arguments_outside_their_range_are_refused()
    {
        Assert.That(() => new Lstm(0, 5), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Lstm(3, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Lstm(3, 5, layers: 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Lstm(3, 5, dropout: 1f), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Rnn(3, 5, nonlinearity: RecurrentCell.Gru), Throws.ArgumentException.With.Message.Contains("layer of its own"));
        Assert.That(() => new GruCell(3, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Products_are_counted() =>
        Assert.That(
            new Lstm(3, 5, layers: 2, bidirectional: true).MultiplyAdds([2, 7, 3], [2, 7, 10]),
            Is.EqualTo(14 * (2 * 20 * (3 + 5) + 2 * 20 * (10 + 5))));

    [Test]
    public void Dropout_changes_training_only([ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name)
    {
        var device = TestDevices.Get(name);
        using var x = new Tensor(device, DType.Float32, [2, 3, 4]);
        x.Write<float>([.. Enumerable.Range(0, 24).Select(i => i * 0.1f - 1f)]);
        var layer = new Gru(4, 8, layers: 2, dropout: 0.5f);
        layer.Materialize(device, seed: 7);
        var (first, second) = (Run(training: false), Run(training: false));
        Assert.That(second, Is.EqualTo(first));
        Assert.That(Run(training: true), Is.Not.EqualTo(first));
        layer.ReleaseTensors();

        float[] Run(bool training)
        {
            using var result = new Tensor(device, DType.Float32, [2, 3, 8]);
            var graph = new Graph(training);
            graph.Store(layer.Forward(graph.Bind(x, "x")), result);
            using var program = graph.Compile(device);
            program.Run();
            device.Synchronize();
            return result.ToArray<float>();
        }
    }
}
