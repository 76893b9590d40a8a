using DeepNative.Operators;
using DeepNative.Tests.Operators;
using FsCheck;
using FsCheck.Fluent;

namespace DeepNative.Tests.Graphs;

internal sealed class PassTests
{
    [Test]
    public void What_nobody_reads_is_removed()
    {
        var b = new CaseBuilder(device: null);
        var x = b.Input([3]);
        _ = Pointwise.Exp(Pointwise.Tanh(x));
        b.Store("y", Activations.Relu(x));
        Assert.That(Operators(b), Is.EqualTo(new[] { "Relu", "Store" }));
    }

    [Test]
    public void Equal_nodes_are_one()
    {
        var b = new CaseBuilder(device: null);
        var (x, w) = (b.Input([3, 4]), b.Input([4, 5]));
        b.Store("y", MatMul.Multiply(x, w));
        b.Store("z", Reduce.Sum(MatMul.Multiply(x, w)));
        Assert.That(Operators(b).Count(name => name == "MatMul"), Is.EqualTo(1));
    }

    [Test]
    public void Reads_on_both_sides_of_an_update_are_two()
    {
        var b = new CaseBuilder(device: null);
        var (state, x) = (b.Given(DType.Float32, [2], [1, 2]), b.Given(DType.Float32, [2], [10, 20]));
        b.Store("before", Reduce.Sum(state));
        b.Graph.Store(x, state);
        b.Store("after", Reduce.Sum(state));
        var plan = Plan(b);
        Assert.That(plan.Nodes.OfType<ReduceNode>().Count(), Is.EqualTo(2));
        var contents = OperatorChecks.Run(plan.Nodes, b);
        Assert.That((contents["before"][0], contents["after"][0]), Is.EqualTo((3.0, 30.0)));
    }

    [Test]
    public void A_chain_becomes_one_node()
    {
        var b = new CaseBuilder(device: null);
        var (x, y) = (b.Input([3, 4]), b.Input([4]));
        b.Store("z", Activations.Relu(Pointwise.Tanh(x * 2f + y) - 0.5f) * x);
        Assert.That(Operators(b), Has.Length.EqualTo(2));
    }

    [Test]
    public void An_update_behind_a_product_stays_one_operator()
    {
        var b = new CaseBuilder(device: null);
        var (x, w, state) = (b.Input([3, 4]), b.Input([4, 5]), b.Given(DType.Float32, [3, 5], new double[15]));
        var updated = state * 0.9f + MatMul.Multiply(x, w);
        b.Graph.Store(updated, state);
        b.Store("y", updated * 2f);
        Assert.That(Plan(b).Nodes.OfType<PointwiseNode>().Single().Outputs, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_chain_across_an_update_stays_apart()
    {
        var b = new CaseBuilder(device: null);
        var (state, x) = (b.Given(DType.Float32, [2], [1, 2]), b.Given(DType.Float32, [2], [10, 20]));
        var early = state * 3f;
        b.Graph.Store(x, state);
        b.Store("y", early + 1f);
        Assert.That(OperatorChecks.Run(Plan(b).Nodes, b)["y"], Is.EqualTo(new double[] { 4, 7 }));
    }

    [Test]
    public void A_value_with_two_readers_is_read_once_where_that_saves_a_pass()
    {
        var b = new CaseBuilder(device: null);
        var (x, w) = (b.Input([3, 4]), b.Input([4, 5]));
        var activation = Pointwise.Tanh(x);
        b.Store("y", MatMul.Multiply(activation, w));
        b.Store("z", activation * activation + 1f);
        var merged = Plan(b).Nodes.OfType<PointwiseNode>().Single();
        Assert.That(merged.Outputs, Has.Count.EqualTo(2));
    }

    [Test]
    public void Two_readers_of_one_tensor_are_one_node()
    {
        var b = new CaseBuilder(device: null);
        var (x, y, g) = (b.Input([3, 4]), b.Input([3, 4]), b.Input([3, 4]));
        var gradients = b.Graph.Gradients(Reduce.Sum(x * y * g), [x, y]);
        b.Store("dx", gradients[0]);
        b.Store("dy", gradients[1]);
        Assert.That(Plan(b).Nodes.OfType<PointwiseNode>().Count(), Is.EqualTo(1));
    }

    [Test]
    public void Products_and_convolutions_take_in_what_follows()
    {
        var b = new CaseBuilder(device: null);
        var hidden = Activations.Relu(MatMul.Multiply(b.Input([6, 8]), b.Input([5, 8]), transposeB: true, bias: b.Input([5])));
        b.Store("y", hidden);
        var image = b.Input([2, 3, 6, 6]);
        b.Store("z", Activations.Relu(Convolution.Conv2d(image, b.Input([3, 3, 3, 3]), b.Input([3]), new ConvGeometry { Padding = 1 }) + image));
        Assert.That(Operators(b), Is.EqualTo(new[] { "MatMul", "Store", "Conv2d", "Store" }));
    }

    [Test]
    public void Products_that_somebody_else_reads_keep_their_result()
    {
        var b = new CaseBuilder(device: null);
        var product = MatMul.Multiply(b.Input([6, 8]), b.Input([8, 5]));
        b.Store("x", product);
        b.Store("y", Activations.Relu(product));
        Assert.That(Plan(b).Nodes.OfType<MatMulNode>().Single().Epilogue, Is.Null);
    }

    // The sequences that the CPU engine has one kernel for.
    [Test]
    public void A_small_image_net_is_emitted_in_the_order_that_the_engine_joins()
    {
        var b = new CaseBuilder(device: null);
        var parameters = new List<Value>();
        Value Weight(params long[] extents)
        {
            parameters.Add(b.Input(new Shape(extents)));
            return parameters[^1];
        }

        var x = b.Input([10, 1, 28, 28], differentiable: false);
        var h = Convolution.Conv2d(x, Weight(32, 1, 5, 5), Weight(32));
        h = Activations.Relu(Pooling.MaxPool2d(h, new PoolGeometry(3)));
        h = Convolution.Conv2d(h, Weight(64, 32, 5, 5), Weight(64));
        h = Reshape.Flatten(Activations.Relu(Pooling.MaxPool2d(h, new PoolGeometry(2))));
        h = Activations.Relu(MatMul.Multiply(h, Weight(200, 256), transposeB: true, bias: Weight(200)));
        h = MatMul.Multiply(h, Weight(10, 200), transposeB: true, bias: Weight(10));
        var loss = Softmax.CrossEntropy(h, b.Indices(DType.Int32, [10], 10));
        b.Store("loss", loss);
        var gradients = b.Graph.Gradients(loss, [.. parameters]);
        Optimizer.Sgd(b.Input([], differentiable: false), parameters, gradients, []);
        string[] expected =
        [
            "Conv2d", "MaxPool2d", "Relu", "Conv2d", "MaxPool2d", "Relu", "Reshape", "MatMul", "MatMul", "CrossEntropy", "Store",
            "MatMul", "Sum", "MatMul", "MatMul", "Sum", "MatMul", "Reshape",
            "Relu", "MaxPool2d", "Conv2d", "Conv2d", "Relu", "MaxPool2d", "Conv2d", "Sgd",
        ];
        var plan = Plan(b);
        var nodes = plan.Nodes.Where(node => node is not BoundNode).ToArray();
        Assert.That(nodes.Select(node => node.OperatorName), Is.EqualTo(expected));
        var relus = nodes.OfType<PointwiseNode>().Select(node => node.Expression).ToArray();
        Assert.That(relus, Is.EqualTo(new[] { Activations.ReluExpression, Activations.ReluExpression, Activations.ReluGradientExpression, Activations.ReluGradientExpression }));
        var backward = nodes.OfType<ConvolutionWeightNode>().ToArray();
        Assert.That(backward.Select(node => node.Outputs.Count), Is.EqualTo(new[] { 2, 2 }), "weight and bias together");
        Assert.That(nodes.OfType<ConvolutionDataNode>().Count(), Is.EqualTo(1), "the image needs no gradient");
        Assert.That(nodes.OfType<MatMulNode>().Count(node => node.Epilogue is not null), Is.EqualTo(2), "relu and its gradient between the linear layers");
    }

    [Test]
    public void Random_programs_with_updates_keep_their_results()
    {
        var seeds = Gen.Choose(0, int.MaxValue - 1).ToArbitrary();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(seeds, seed => OperatorChecks.Passes(RandomPrograms.Case(seed))));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Random_programs_with_updates_run_on_the_device_as_in_the_reference(string name)
    {
        var device = TestDevices.Get(name);
        var seeds = Gen.Choose(0, int.MaxValue - 1).ToArbitrary();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(TestDevices.RandomCases(name, 200)), Prop.ForAll(seeds, seed =>
        {
            OperatorChecks.OnDevice(RandomPrograms.Case(seed), device);
            OperatorChecks.OnDevice(RandomPrograms.Case(seed), device, optimize: false);
        }));
    }

    private static GraphPlan Plan(CaseBuilder builder)
    {
        var plan = GraphPlan.Of(builder.Graph);
        plan.Optimize();
        return plan;
    }

    private static string[] Operators(CaseBuilder builder) =>
        [.. Plan(builder).Nodes.Where(node => node is not BoundNode).Select(node => node.OperatorName)];
}
