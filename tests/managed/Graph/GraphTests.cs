using DeepNative.Operators;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Graphs;

internal sealed class GraphTests
{
    [Test]
    public void The_same_parameter_and_the_same_constant_are_one_value()
    {
        var graph = new Graph(training: true);
        var weight = new Parameter("weight", [3]);
        var (first, second) = (graph.Parameter(weight), graph.Parameter(weight));
        var (two, again) = (graph.Constant(2f), graph.Constant(2f));
        Assert.That(first, Is.SameAs(second));
        Assert.That(graph.Parameters, Is.EqualTo(new[] { weight }));
        Assert.That(two, Is.SameAs(again));
        Assert.That(graph.Constant(0f), Is.Not.SameAs(graph.Constant(-0f)));
    }

    [Test]
    public void A_tensor_bound_as_itself_and_as_a_parameter_is_one_value()
    {
        var tensor = new Tensor(TestDevice.Cpu, DType.Float32, [3]);
        var weight = new Parameter("weight", [3]) { Tensor = tensor };
        var graph = new Graph(training: true);
        Assert.That(graph.Bind(tensor, "x"), Is.SameAs(graph.Parameter(weight)));
        Assert.That(graph.Bind(tensor, "y"), Is.SameAs(graph.Parameter(weight)));
    }

    [Test]
    public void A_parameter_that_gets_its_tensor_late_is_one_value_in_the_program()
    {
        var device = TestDevice.Cpu;
        var weight = new Parameter("weight", [3]);
        var graph = new Graph(training: true);
        var early = graph.Parameter(weight);
        var tensor = new Tensor(device, DType.Float32, [3]);
        weight.Tensor = tensor;
        var late = graph.Bind(tensor, "late");
        using var result = new Tensor(device, DType.Float32, [3]);
        graph.Store(early + 1f, tensor);
        graph.Store(late * 10f, result);
        using var program = graph.Compile(device);
        program.Run();
        Assert.That(result.ToArray<float>(), Is.All.EqualTo(10f));
    }

    [Test]
    public void A_tensor_of_another_shape_is_no_memory_for_a_parameter()
    {
        var weight = new Parameter("0.weight", [3]);
        var tensor = new Tensor(TestDevice.Cpu, DType.Float32, [4]);
        Assert.That(() => weight.Tensor = tensor, Throws.ArgumentException.With.Message.Contains("'0.weight'").And.Message.Contains("(4)"));
    }

    [Test]
    public void Scopes_nest_and_name_nodes()
    {
        var graph = new Graph(training: true);
        var x = graph.Declare(DType.Float32, [3], "x");
        Value inner;
        using (graph.Scope("block2"))
        {
            using (graph.Scope("")) Assert.That(graph.ScopeName, Is.EqualTo("block2"));
            using (graph.Scope("relu")) inner = Activations.Relu(x);
            Assert.That(graph.ScopeName, Is.EqualTo("block2"));
        }

        Assert.That(graph.ScopeName, Is.Empty);
        Assert.That(inner.Name, Is.EqualTo("block2.relu"));
        Assert.That(Activations.Relu(x).Name, Is.EqualTo("Relu"));
        var gradient = graph.Gradients(Reduce.Sum(inner * inner), [x])[0];
        Assert.That(gradient.Name, Is.EqualTo("block2.relu.backward"));
    }

    [Test]
    public void Values_of_two_graphs_do_not_mix()
    {
        var a = new Graph(training: true, "a").Declare(DType.Float32, [3], "x");
        var b = new Graph(training: true, "b").Declare(DType.Float32, [3], "y");
        Assert.That(() => a + b, Throws.ArgumentException.With.Message.Contains("'y' belongs to graph 'b', not to 'a'"));
    }

    [Test]
    public void A_store_of_another_shape_is_refused()
    {
        var tensor = new Tensor(TestDevice.Cpu, DType.Float32, [4]);
        var graph = new Graph(training: true);
        var x = graph.Declare(DType.Float32, [3], "x");
        var error = Assert.Throws<ShapeException>(() => graph.Store(x, tensor))!;
        Assert.That(error.Message, Does.Contain("value 'x' is Float32 (3), its tensor is Float32 (4)"));
    }

    [Test]
    public void What_has_no_tensor_cannot_be_compiled_and_is_named()
    {
        var device = TestDevice.Cpu;
        using var result = new Tensor(device, DType.Float32, [3]);
        var graph = new Graph(training: true);
        graph.Store(graph.Parameter(new Parameter("0.weight", [3])) * 2f, result);
        Assert.That(() => graph.Compile(device), Throws.InvalidOperationException.With.Message.Contains("parameter '0.weight' has no tensor"));
        var traced = new Graph(training: true);
        traced.Store(traced.Declare(DType.Float32, [3], "image") * 2f, result);
        Assert.That(() => traced.Compile(device), Throws.InvalidOperationException.With.Message.Contains("input 'image' has no tensor"));
    }

    [Test]
    public void The_loss_must_be_one_number_and_depend_on_what_is_asked()
    {
        var graph = new Graph(training: true);
        var (x, y) = (graph.Declare(DType.Float32, [3], "x"), graph.Declare(DType.Float32, [3], "y"));
        Assert.That(() => graph.Gradients(x, [x]), Throws.TypeOf<ShapeException>().With.Message.Contains("expected one float32 number of shape ()"));
        Assert.That(() => graph.Gradients(Reduce.Sum(x), [y]), Throws.ArgumentException.With.Message.Contains("does not depend on 'y'"));
        Assert.That(() => graph.Gradients(Reduce.Sum(Pointwise.Greater(x, y)), [y]), Throws.ArgumentException.With.Message.Contains("'y'"));
    }

    [Test]
    public void A_value_used_twice_gets_the_sum_of_its_gradients()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Given(DType.Float32, [2], [3, -2]);
        var y = x * x;
        var loss = Reduce.Sum(y * y + 5f * y + x);
        builder.Store("gradient", builder.Graph.Gradients(loss, [x])[0]);
        var gradient = OperatorChecks.Run(builder.Graph.Nodes, builder)["gradient"];
        Assert.That(gradient, Is.EqualTo(new double[] { 4 * 27 + 30 + 1, 4 * -8 - 20 + 1 }));
    }

    [Test]
    public void Gradients_by_intermediate_values_and_of_gradients()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Given(DType.Float32, [1], [2]);
        var y = x * x;
        var loss = Reduce.Sum(y * y * y);
        var byY = builder.Graph.Gradients(loss, [y])[0];
        var byX = builder.Graph.Gradients(Reduce.Sum(byY), [x])[0];
        builder.Store("by y", byY);
        builder.Store("by x", byX);
        var contents = OperatorChecks.Run(builder.Graph.Nodes, builder);
        Assert.That(contents["by y"], Is.EqualTo(new double[] { 3 * 16 }));
        Assert.That(contents["by x"], Is.EqualTo(new double[] { 12 * 8 }));
    }

    [Test]
    public void A_given_gradient_takes_the_place_of_the_loss()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Given(DType.Float32, [2], [3, -2]);
        var gradOutput = builder.Given(DType.Float32, [2], [10, 100]);
        builder.Store("gradient", builder.Graph.Gradients(x * x, gradOutput, [x])[0]);
        Assert.That(OperatorChecks.Run(builder.Graph.Nodes, builder)["gradient"], Is.EqualTo(new double[] { 60, -400 }));
        var scalar = builder.Given(DType.Float32, Shape.Scalar, [1]);
        Assert.That(
            () => builder.Graph.Gradients(x * x, scalar, [x]),
            Throws.TypeOf<ShapeException>().With.Message.Contains("is Float32 (), the output 'Multiply' is Float32 (2)"));
    }

    [Test]
    public void Integers_and_random_numbers_have_no_gradient()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Input([4]);
        var mask = DeepNative.Operators.Random.Bernoulli(builder.Given(DType.Int64, [2], [1, 0]), [4], 0.5f);
        var index = Pointwise.Cast(Reduce.ArgMax(x, 0), DType.Float32);
        var loss = Reduce.Sum(x * mask * index);
        builder.Graph.Gradients(loss, [x]);
        Assert.That(builder.Graph.Nodes.OfType<ReduceNode>().Count(node => node.OperatorName == "ArgMax"), Is.EqualTo(1));
    }

    [Test]
    public void Compiling_leaves_the_graph_as_it_is()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Input([4, 3]);
        builder.Store("y", Activations.Relu(Pointwise.Tanh(x) * 2f) + 1f);
        var before = builder.Graph.Nodes.Select(node => (node, node.Order, node.Inputs.Count, node.Outputs.Count)).ToArray();
        GraphPlan.Of(builder.Graph).Optimize();
        var after = builder.Graph.Nodes.Select(node => (node, node.Order, node.Inputs.Count, node.Outputs.Count)).ToArray();
        Assert.That(after, Is.EqualTo(before));
    }
}
