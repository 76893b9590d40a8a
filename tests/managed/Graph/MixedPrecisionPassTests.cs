using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Operators;

namespace DeepNative.Tests.Graphs;

/// <summary>What the pass makes of a training step, on each device.</summary>
internal sealed class MixedPrecisionPassTests
{
    private static readonly DType[] _types = [DType.BFloat16, DType.Float16];

    private static IEnumerable<string> Devices => TestDevices.Names;

    [Test]
    public void Products_take_short_operands_and_leave_float32_gradients(
        [ValueSource(nameof(Devices))] string device, [ValueSource(nameof(_types))] DType type)
    {
        var plan = Plan(device, type, new Sequential(
            new Conv2d(3, 16, 3, padding: 1, bias: false), new DeepNative.Layers.BatchNorm(16), new ReLU(), new MaxPool2d(2),
            new Conv2d(16, 8, 3), new ReLU(), new Flatten(), new Linear(8 * 4, 4)));
        var products = plan.Nodes.Where(node => node.Data is { IsProduct: true }).ToArray();
        Assert.That(products, Has.Length.EqualTo(2 + 3 + 3), "forward, gradients of data and of weights, none of the image");
        foreach (var node in products)
            Assert.That(node.Inputs.Take(2).Select(input => input!.DType), Is.All.EqualTo(type), node.Name);
        foreach (var node in plan.Nodes.OfType<ConvolutionWeightNode>())
            Assert.That(node.Outputs.Select(output => output.DType), Is.All.EqualTo(DType.Float32), node.Name);
        foreach (var node in plan.Nodes.Where(node => node is BatchNormNode or PoolingNode or PoolingBackwardNode))
            Assert.That(node.Outputs[0].DType, Is.EqualTo(type), node.Name);
        foreach (var node in plan.Nodes.OfType<BatchNormNode>())
            Assert.That(node.Outputs.Skip(1).Select(output => output.DType), Is.All.EqualTo(DType.Float32), node.Name);
        foreach (var node in plan.Nodes.OfType<SoftmaxCrossEntropyNode>())
            Assert.That(node.Inputs[0]!.DType, Is.EqualTo(DType.Float32), "the logits were rounded");
    }

    [Test]
    public void A_weight_is_cast_once([ValueSource(nameof(Devices))] string device)
    {
        var plan = Plan(device, DType.BFloat16, new Sequential(new Conv2d(3, 16, 3), new ReLU(), new Conv2d(16, 16, 3), new Flatten(), new Linear(16 * 16, 4)));
        foreach (var weight in plan.Nodes.OfType<BoundNode>().Where(node => node.Outputs[0].Shape.Rank == 4 && node.Name.EndsWith("weight", StringComparison.Ordinal)))
        {
            var casts = plan.Readers(weight.Outputs[0]).Where(reader => reader is PointwiseNode { Expression.IsCopy: true });
            Assert.That(casts.Count(), Is.EqualTo(1), weight.Name);
        }
    }

    // Local response normalisation and resizing have no short kernels: no list here says so, the device is asked.
    [Test]
    public void What_a_device_has_no_kernel_for_stays_float32(
        [ValueSource(nameof(Devices))] string device, [ValueSource(nameof(_types))] DType type)
    {
        var net = new Sequential(
            new Conv2d(3, 16, 3, padding: 1), new DeepNative.Layers.LocalResponseNorm(5), new Upsample(2), new Conv2d(16, 4, 3), new GlobalAvgPool(), new Flatten());
        var plan = Plan(device, type, net);
        foreach (var node in plan.Nodes.Where(node => node.Data is { Rule: DataRule.Uniform }))
        {
            var expected = OperatorCatalog.Takes(TestDevices.Get(device), node.Data!.Value, type);
            if (!expected) Assert.That(node.Inputs.Concat(node.Outputs).Where(value => value!.DType.IsFloatingPoint()).Select(value => value!.DType), Is.All.EqualTo(DType.Float32), node.Name);
        }

        Assert.That(OperatorCatalog.Takes(TestDevices.Get(device), new NodeData(DataRule.Uniform, DeepNative.Interop.OperatorKind.LocalResponseNorm), type), Is.False);
        Run(device, type, net);
    }

    [Test]
    public void Nets_of_all_kinds_run([ValueSource(nameof(Devices))] string device, [ValueSource(nameof(_types))] DType type)
    {
        Run(device, type, new Sequential(
            new Conv2d(3, 16, 3, stride: 2, padding: 1), new DeepNative.Layers.BatchNorm(16), new Gelu(), new DepthwiseConv2d(16, 3, padding: 1), new ReLU(),
            new Branches(new Conv2d(16, 8, 1), new Sequential(new MaxPool2d(3, 1, padding: 1), new Conv2d(16, 5, 1)), new AvgPool2d(3, 1, padding: 1)),
            new Dropout(0.5f), new ConvTranspose2d(29, 6, 2, stride: 2), new ZeroPad2d(1), new Conv2d(6, 3, 3, dilation: 2), new GlobalMaxPool(), new Flatten(), new Linear(3, 4)));
    }

    [Test]
    public void The_graph_itself_stays_as_it_is()
    {
        var device = TestDevices.Get("cpu");
        using var step = new Step(device, new Sequential(new Conv2d(3, 16, 3), new ReLU(), new Flatten(), new Linear(576, 4)));
        var before = step.Loss(CompileOptions.Default);
        var rounded = step.Loss(new CompileOptions { Precision = Precision.BFloat16 });
        Assert.That(step.Loss(CompileOptions.Default), Is.EqualTo(before));
        Assert.That(rounded, Is.Not.EqualTo(before).And.EqualTo(before).Within(2 * Math.Sqrt(4) / 256));
    }

    // Each with a step of its own, so that both draw the same random numbers.
    private static void Run(string device, DType type, Layer net)
    {
        var exact = Loss(CompileOptions.Default);
        var rounded = Loss(new CompileOptions { Precision = type == DType.BFloat16 ? Precision.BFloat16 : Precision.Float16 });
        Assert.That(rounded, Is.EqualTo(exact).Within(2 * Math.Sqrt(16) / (type == DType.BFloat16 ? 256 : 2048)));

        float Loss(CompileOptions options)
        {
            using var step = new Step(TestDevices.Get(device), net);
            return step.Loss(options);
        }
    }

    private static GraphPlan Plan(string device, DType type, Layer net)
    {
        using var step = new Step(TestDevices.Get(device), net);
        var plan = GraphPlan.Of(step.Graph);
        plan.Optimize();
        plan.Lower(TestDevices.Get(device), type == DType.BFloat16 ? Precision.BFloat16 : Precision.Float16);
        return plan;
    }

    // Forward, loss, gradients of all parameters.
    private sealed class Step : IDisposable
    {
        private readonly Device _device;
        private readonly Layer _net;
        private readonly List<Tensor> _tensors = [];
        private readonly Tensor _loss;

        public Step(Device device, Layer net)
        {
            (_device, _net) = (device, net);
            net.Materialize(device, seed: 2);
            Graph = new Graph(training: true, "step");
            var images = Add(DType.Float32, [4, 3, 8, 8]);
            var values = new float[images.Shape.Count];
            new Philox(5).FillUniform(values, -1f, 1f);
            images.Write<float>(values);
            var output = net.Forward(Graph.Bind(images, "images"));
            var labels = Add(DType.Int32, [4]);
            labels.Write<int>([0, 1, 2, 3]);
            var loss = new SoftmaxCrossEntropy().Forward(output, Graph.Bind(labels, "labels"));
            _loss = Add(DType.Float32, Shape.Scalar);
            Graph.Store(loss, _loss);
            var parameters = net.Parameters().Where(parameter => parameter.Trainable).Select(Graph.Parameter).ToArray();
            foreach (var gradient in Graph.Gradients(loss, parameters)) Graph.Store(gradient, Add(DType.Float32, gradient.Shape));
        }

        public Graph Graph { get; }

        public float Loss(CompileOptions options)
        {
            using var program = Graph.Compile(_device, options);
            program.Run();
            Assert.That(_tensors.Where(tensor => tensor.DType == DType.Float32).SelectMany(tensor => tensor.ToArray<float>()), Is.All.Matches<float>(float.IsFinite));
            return _loss.ToArray<float>()[0];
        }

        public void Dispose()
        {
            foreach (var tensor in _tensors) tensor.Dispose();
            _net.ReleaseTensors();
        }

        private Tensor Add(DType type, Shape shape)
        {
            var tensor = new Tensor(_device, type, shape);
            _tensors.Add(tensor);
            return tensor;
        }
    }
}
