using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class SoftmaxCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (shape, axis) in new (Shape, int)[] { ([3, 10], 1), ([4, 1], 1), ([2, 5, 3, 2], 1), ([2, 3, 7], 2), ([6, 3], 0), ([3, 1000], 1), ([37, 5], 1) })
            {
                foreach (var log in new[] { false, true }) yield return Along(shape, axis, log, 3);
            }

            yield return Along([2, 5], 1, log: true, range: 90);
            foreach (var shape in new Shape[] { [4, 10], [1, 2], [7, 1], [2, 5, 3], [2, 3, 2, 4], [100, 10] })
            {
                foreach (var weighted in new[] { false, true }) yield return CrossEntropy(shape, weighted, 2);
            }

            foreach (var shape in new Shape[] { [4, 10], [3, 1], [2, 5, 3], [33, 3], [2, 130], [3, 1100] })
            {
                yield return CrossEntropy(shape, weighted: false, 2, smoothing: 0.1f);
                yield return CrossEntropy(shape, weighted: false, 2, ignore: 0);
                yield return CrossEntropy(shape, weighted: true, 2, smoothing: 0.3f, ignore: (int)shape[1] - 1);
            }

            yield return CrossEntropy([4, 6], weighted: true, 2, smoothing: 1f);
            yield return CrossEntropy([4, 6], weighted: false, 2, ignore: -100);
            yield return CrossEntropy([5, 7], weighted: false, range: 80);
            yield return new OperatorCase("cross-entropy of weights with a gradient, smoothed, some ignored", b =>
            {
                b.ReductionLength = 32;
                b.Magnitude = 1;
                return Softmax.CrossEntropy(b.Input([6, 4], -2, 2), b.Indices(DType.Int32, [6], 4), b.Input([6], 0, 2), labelSmoothing: 0.2f, ignoreIndex: 1, scale: 0.5f);
            });
            yield return new OperatorCase("cross-entropy times a factor", b => CrossEntropy([4, 6], weighted: false, 2).Build(b) * 3f + 1f);
            yield return new OperatorCase("cross-entropy without a gradient", b =>
            {
                b.HasDerivative = false;
                return CrossEntropy([4, 6], weighted: false, 2).Build(b);
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("no such axis", "axis 2 does not exist; input is (3, 4)", b => Softmax.Apply(b.Input([3, 4]), 2)),
        new("labels for fewer samples", "labels are (3), expected (4); logits are (4, 10)", b => Softmax.CrossEntropy(b.Input([4, 10]), b.Indices(DType.Int32, [3], 10))),
        new("labels as numbers", "labels is Float32, expected Int32", b => Softmax.CrossEntropy(b.Input([4, 10]), b.Input([4]))),
        new("labels without positions", "labels are (4), expected (4, 5)", b => Softmax.CrossEntropy(b.Input([4, 10, 5]), b.Indices(DType.Int32, [4], 10))),
        new("weight of another shape", "weight is (10), expected (4)", b => Softmax.CrossEntropy(b.Input([4, 10]), b.Indices(DType.Int32, [4], 10), b.Input([10]))),
        new("no samples", "expected (N, C, ...) with one or more elements", b => Softmax.CrossEntropy(b.Input([0, 10]), b.Indices(DType.Int32, [0], 10))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [random.Next(1, 6), random.Next(1, 20), .. Enumerable.Range(0, random.Next(0, 3)).Select(_ => (long)random.Next(1, 4))];
        return random.Next(3) switch
        {
            0 => CrossEntropy(shape, random.Next(2) == 0, 3, random.Next(2) == 0 ? 0 : random.NextSingle(), random.Next(2) == 0 ? null : random.Next((int)shape[1])),
            _ => Along(shape, random.Next(shape.Rank), random.Next(2) == 0, 3),
        };
    }

    private static OperatorCase Along(Shape shape, int axis, bool log, double range) => new($"{(log ? "log softmax" : "softmax")} {shape} along {axis}, +-{range}", b =>
    {
        b.ReductionLength = 16 + shape[axis];
        b.Magnitude = 1;
        b.MayBeZero = shape[axis] == 1;
        var x = b.Input(shape, -range, range);
        return log ? Softmax.Log(x, axis) : Softmax.Apply(x, axis);
    });

    private static OperatorCase CrossEntropy(Shape shape, bool weighted, double range, float smoothing = 0, int? ignore = null) =>
        new($"cross-entropy {shape}{(weighted ? " weighted" : "")}{(smoothing > 0 ? $" smoothed by {smoothing}" : "")}{(ignore is null ? "" : $" but label {ignore}")}, +-{range}", b =>
        {
            b.ReductionLength = 16 + shape[1];
            b.Magnitude = 1;
            b.MayBeZero = shape[1] == 1 || ignore is not null;
            Shape samples = [shape[0], .. shape.Skip(2)];
            var labels = b.Indices(DType.Int32, samples, (int)shape[1]);
            if (ignore < 0) b.Inputs[^1].Numbers[1] = ignore.Value;
            if (ignore < 0) b.Inputs[^1].Tensor?.Write<int>(Array.ConvertAll(b.Inputs[^1].Numbers, label => (int)label));
            return Softmax.CrossEntropy(b.Input(shape, -range, range), labels, weighted ? b.Input(samples, 0, 2, differentiable: false) : null, smoothing, ignore);
        });
}

internal sealed class SoftmaxTests : OperatorTests<SoftmaxCases>
{
    [Test]
    public void The_gradient_of_a_loss_is_the_operators_own_output()
    {
        var builder = new CaseBuilder(device: null);
        var logits = builder.Input([4, 10]);
        var loss = Softmax.CrossEntropy(logits, builder.Indices(DType.Int32, [4], 10));
        var gradient = builder.Graph.Gradients(loss, [logits])[0];
        Assert.That(gradient.Producer, Is.TypeOf<SoftmaxCrossEntropyNode>());
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_label_outside_the_classes_fails_the_run_and_is_named(string name)
    {
        var device = TestDevices.Get(name);
        using var logits = new Tensor(device, DType.Float32, [3, 10]);
        using var labels = new Tensor(device, DType.Int32, [3]);
        using var loss = new Tensor(device, DType.Float32, []);
        labels.Write<int>([0, 10, 3]);
        var graph = new Graph(training: true);
        graph.Store(Softmax.CrossEntropy(graph.Bind(logits, "logits"), graph.Bind(labels, "labels")), loss);
        using var program = graph.Compile(device);
        var error = Assert.Throws<DeepNativeException>(() =>
        {
            program.Run();
            device.Synchronize();
        })!;
        Assert.That(error.Message, Does.Contain("10"));
        labels.Write<int>([0, 9, 3]);
        program.Run();
        Assert.That(loss.ToArray<float>()[0], Is.EqualTo(MathF.Log(10)).Within(1e-6));
    }
}
