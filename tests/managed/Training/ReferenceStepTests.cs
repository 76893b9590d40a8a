using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Tests.Operators;
using DeepNative.Tests.Operators.Reference;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Whole training steps against the float64 interpreter of the same graph, without any pass.</summary>
internal sealed class ReferenceStepTests
{
    private const int Batch = 8;
    private const int Steps = 4;

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("convolutions, batch norm, residual, dropout", TrainerTests.Net, 12, new Sgd(0.05f, momentum: 0.9f, nesterov: true));
        yield return Case("convolutions, batch norm, residual, dropout", TrainerTests.Net, 12, new Adam(0.003f));
        yield return Case("mnistnet's layers", SmallMnistNet, 16, new Sgd(0.1f));
        yield return Case("smooth activations", Smooth, 8, new Sgd(0.1f, weightDecay: 0.01f));

        static TestCaseData Case(string name, Func<Layer> create, int size, Optimizer rule) =>
            new TestCaseData(create, size, rule).SetArgDisplayNames($"{name}, {rule}");
    }

    [TestCaseSource(nameof(Cases))]
    public void Steps_agree_with_the_reference(Func<Layer> create, int size, Optimizer rule)
    {
        using var device = TestMachine.Open();
        var data = Synthetic.Images(Batch * Steps, size: size);
        var model = create();
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), rule, device, seed: 4);
        // The interpreter holds a state's seed as a double: one that fits.
        foreach (var random in model.RandomStates()) random.Tensor!.Write<long>([12345, 0]);
        using var state = new OptimizerState(device, [.. model.Parameters().Where(parameter => parameter.Trainable)]);
        rule.CreateState(state);
        state.LearningRate.Write<float>([rule.LearningRate]);

        var normalizer = new InputNormalizer(new ImageExamples(data).Statistics(), DType.UInt8);
        var graph = new Graph(training: true, "reference");
        var input = graph.Declare(DType.UInt8, new Shape(Batch, 1, size, size), "input");
        var target = graph.Declare(DType.Int32, new Shape(Batch), "target");
        var loss = new SoftmaxCrossEntropy().Forward(model.Forward(normalizer.Forward(input)), target);
        var gradients = graph.Gradients(loss, state.Parameters.Select(graph.Parameter).ToArray());
        rule.Update(graph, state, gradients);

        var reference = new Interpreter();
        foreach (var bound in graph.Nodes.OfType<BoundNode>().Where(node => node.Outputs[0] != input && node.Outputs[0] != target))
            reference.Set(bound.Outputs[0], TensorNumbers.Read(bound.Tensor));
        var sum = 0.0;
        for (var step = 0; step < Steps; step++)
        {
            var images = data.Images.Span.Slice(step * Batch * size * size, Batch * size * size);
            reference.Set(input, Array.ConvertAll(images.ToArray(), pixel => (double)pixel));
            reference.Set(target, Array.ConvertAll(data.Labels.Span.Slice(step * Batch, Batch).ToArray(), label => (double)label));
            reference.Run(graph.Nodes);
            sum += reference[loss][0];
        }

        var result = trainer.Fit(data, epochs: 1, batch: Batch, shuffle: false);
        Assert.That(result.Loss, Is.EqualTo(sum / Steps).Within(2e-6 * Math.Max(1, sum / Steps)));
        foreach (var parameter in model.Parameters())
        {
            var expected = reference[graph.Parameter(parameter)];
            var found = parameter.Tensor!.ToArray<float>();
            // Some hundred roundings of numbers up to the tensor's largest, over four steps.
            var allowed = 2e-5 * Math.Max(0.1, expected.Max(Math.Abs));
            for (var i = 0; i < found.Length; i++)
                if (!(Math.Abs(found[i] - expected[i]) <= allowed))
                    Assert.Fail($"{parameter.Name}[{i}] is {found[i]:R}, expected {expected[i]:R} within {allowed:G3}");
        }
    }

    // The MNIST net with fewer channels: the interpreter is slow.
    private static Sequential SmallMnistNet() => new(
        new Conv2d(1, 4, kernel: 5), new MaxPool2d(3), new ReLU(), new Conv2d(4, 6, kernel: 2), new MaxPool2d(2), new ReLU(), new Flatten(),
        new Linear(6, 12), new ReLU(), new Linear(12, 10));

    private static Sequential Smooth() => new(
        new Conv2d(1, 3, kernel: 3, stride: 2, padding: 1), new Tanh(), new AvgPool2d(2), new Flatten(), new Linear(12, 8), new Elu(),
        new Linear(8, 8), new Softplus(), new Linear(8, 8), new Sigmoid(), new Linear(8, 6), new LeakyReLU(), new Linear(6, 10));
}
