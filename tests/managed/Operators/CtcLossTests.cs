using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class CtcLossCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases =>
    [
        Case("one sample", 6, 5, [6], [[1, 2, 3]]),
        Case("repeated labels", 9, 4, [9], [[2, 2, 1, 1, 1]]),
        Case("several lengths", 9, 6, [9, 4, 7, 1], [[1, 2, 3, 2, 1], [5, 4], [], [3]]),
        Case("the blank in the middle", 8, 5, [8, 5], [[0, 1, 3, 4], [4, 0]], blank: 2),
        Case("the blank at the end", 5, 3, [5], [[0, 1, 0]], blank: 2),
        Case("an empty target", 3, 4, [3, 2], [[], []]),
        Case("one step", 1, 4, [1], [[3]]),
        Case("as many labels as steps", 4, 6, [4], [[1, 2, 1, 2]]),
        Case("only the blank", 3, 1, [3], [[]]),
        Case("a target with more states than a warp", 60, 7, [60], [[.. Enumerable.Range(0, 40).Select(i => 1 + i * 5 % 6)]]),
        Case("a target with more states than two warps, and a shorter one", 60, 3, [60, 30], [[.. Enumerable.Range(0, 45).Select(i => 1 + i % 2)], [1, 2, 2]]),
        Case("impossible, dropped", 3, 4, [3, 3], [[1, 1], [1, 1, 2]], zeroInfinity: true),
        Case("impossible", 3, 4, [3, 3], [[1, 2], [2, 2, 2]], differentiable: false),
        Case("no samples", 3, 4, [], []),
        new("behind a log softmax, with each loss weighed", b =>
        {
            b.DerivativeOrder = 1;
            b.ReductionLength = 64;
            b.Magnitude = 4;
            var logits = b.Input([6, 2, 5], -2, 2);
            return CtcLoss.Apply(Softmax.Log(logits, 2), Labels(b, [[1, 2, 2], [4]]), Lengths(b, [6, 4]), Lengths(b, [3, 1])) * b.Input([2], 0.5, 2);
        }),
    ];

    public static IEnumerable<BadCase> BadCases =>
    [
        new("no class axis", "log probabilities has rank 2, expected 3", b => Apply(b, b.Input([3, 4]), [2, 2], 2)),
        new("targets for fewer samples", "targets is (1, 2), expected (2, 2)", b => Apply(b, b.Input([3, 2, 4]), [1, 2], 2)),
        new("targets in one row", "targets has rank 1, expected 2", b => Apply(b, b.Input([3, 2, 4]), [4], 2)),
        new("too few lengths", "input lengths is (1), expected (2)", b => Apply(b, b.Input([3, 2, 4]), [2, 2], 1)),
        new("a blank that is no class", "blank 4 is not a class of log probabilities (3, 2, 4)", b => Apply(b, b.Input([3, 2, 4]), [2, 2], 2, blank: 4)),
        new("no steps", "log probabilities are (0, 2, 4), without steps", b => Apply(b, b.Input([0, 2, 4]), [2, 2], 2)),
        new("targets as numbers", "targets is Float32, expected Int32", b => CtcLoss.Apply(b.Input([3, 2, 4]), b.Input([2, 2]), Lengths(b, [3, 3]), Lengths(b, [1, 1]))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var (steps, classes, batch) = (random.Next(1, 12), random.Next(2, 7), random.Next(1, 4));
        var blank = random.Next(classes);
        var lengths = Enumerable.Range(0, batch).Select(_ => random.Next(1, steps + 1)).ToArray();
        var targets = lengths.Select(length => Enumerable.Range(0, random.Next(0, length + 1)).Select(_ => (blank + random.Next(1, classes)) % classes).ToArray()).ToArray();
        return Case($"random {steps} steps, {classes} classes, targets {string.Join(' ', targets.Select(t => $"[{string.Join(',', t)}]"))}", steps, classes, lengths, targets, blank, zeroInfinity: true);
    }

    public static Value Labels(CaseBuilder b, int[][] targets)
    {
        // What lies behind a target is not read.
        var most = targets.Select(target => target.Length).DefaultIfEmpty(0).Max() + 1;
        return b.Given(DType.Int32, [targets.Length, most], [.. targets.SelectMany(target => target.Select(label => (double)label).Concat(Enumerable.Repeat(-7.0, most - target.Length)))]);
    }

    private static Value Lengths(CaseBuilder b, int[] lengths) => b.Given(DType.Int32, [lengths.Length], Array.ConvertAll(lengths, length => (double)length));

    private static Value Apply(CaseBuilder b, Value logProbabilities, Shape targets, int samples, int blank = 0) =>
        CtcLoss.Apply(logProbabilities, b.Indices(DType.Int32, targets, 2), Lengths(b, [.. Enumerable.Repeat(2, samples)]), Lengths(b, [.. Enumerable.Repeat(1, samples)]), blank);

    private static OperatorCase Case(string name, int steps, int classes, int[] lengths, int[][] targets, int blank = 0, bool zeroInfinity = false, bool differentiable = true) => new(name, b =>
    {
        b.DerivativeOrder = 1;
        b.HasDerivative = differentiable;
        b.ReductionLength = 16 + steps;
        b.Magnitude = 1;
        b.MayBeZero = true;
        var x = b.Input([steps, lengths.Length, classes], -3, -0.1);
        return CtcLoss.Apply(x, Labels(b, targets), Lengths(b, lengths), Lengths(b, Array.ConvertAll(targets, target => target.Length)), blank, zeroInfinity);
    });
}

internal sealed class CtcLossTests : OperatorTests<CtcLossCases>
{
    [Test]
    public void It_is_minus_the_logarithm_of_the_sum_over_all_alignments(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name, [Values(1, 2, 3, 4, 5)] int steps, [Values(0, 1)] int blank)
    {
        var device = TestDevices.Get(name);
        int[][] targets = [[], [2], [2, 2], [1 - blank, 2], [2, 1 - blank, 2], [2, 2, 2], [1 - blank, 1 - blank]];
        var builder = new CaseBuilder(device);
        var logits = builder.Input([steps, targets.Length, 3], -2, 2);
        double[] Same(Func<int[], double> length) => Array.ConvertAll(targets, target => length(target));
        var loss = CtcLoss.Apply(
            Softmax.Log(logits, 2), CtcLossCases.Labels(builder, targets), builder.Given(DType.Int32, [targets.Length], Same(_ => steps)),
            builder.Given(DType.Int32, [targets.Length], Same(target => target.Length)), blank);
        builder.Store("loss", loss);
        using var program = builder.Graph.Compile(device);
        program.Run();
        var found = TensorNumbers.Read(builder.Graph.Nodes.OfType<BoundNode>().Single(node => node.Name == "loss").Tensor);
        for (var n = 0; n < targets.Length; n++)
        {
            var expected = -Math.Log(Paths(steps).Where(path => Collapse(path, blank).SequenceEqual(targets[n])).Sum(path => Probability(builder.Inputs[0].Numbers, path, n, targets.Length)));
            Assert.That(found[n], Is.EqualTo(expected).Within(double.IsFinite(expected) ? 1e-5 : 0), $"target {n} of {steps} steps");
        }
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Probabilities_of_zero_are_followed_where_there_is_another_way(string name)
    {
        var device = TestDevices.Get(name);
        const double Never = double.NegativeInfinity;
        var builder = new CaseBuilder(device);

        // Certain of "blank 1 blank" in the first sample; the second cannot be its target.
        var x = builder.Given(DType.Float32, [3, 2, 2], [0, Never, 0, Never, Never, 0, 0, Never, 0, Never, 0, Never]);
        var loss = CtcLoss.Apply(x, builder.Given(DType.Int32, [2, 1], [1, 1]), builder.Given(DType.Int32, [2], [3, 3]), builder.Given(DType.Int32, [2], [1, 1]), zeroInfinity: true);
        builder.Store("y", loss);
        builder.Store("gradient", builder.Graph.Gradients(Reduce.Sum(loss), [x])[0]);
        using var program = builder.Graph.Compile(device);
        program.Run();
        var tensors = builder.Graph.Nodes.OfType<BoundNode>().ToDictionary(node => node.Name, node => TensorNumbers.Read(node.Tensor));
        Assert.That(tensors["y"], Is.EqualTo(new double[] { 0, 0 }));
        Assert.That(tensors["gradient"], Is.EqualTo(new double[] { -1, 0, 0, 0, 0, -1, 0, 0, -1, 0, 0, 0 }));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Long_sequences_keep_their_digits(string name)
    {
        var device = TestDevices.Get(name);
        var steps = device.Info.IsSimulated ? 300 : 3000;
        var test = new OperatorCase($"{steps} steps", b =>
        {
            // The reference's products leave float64's range beyond e^-700, so probabilities are near 1.
            b.DerivativeOrder = 1;
            b.ReductionLength = steps;
            b.Magnitude = 1;
            b.MayBeZero = true;
            var x = b.Input([steps, 1, 3], -0.2, 0);
            return CtcLoss.Apply(x, b.Given(DType.Int32, [1, 4], [1, 2, 2, 1]), b.Given(DType.Int32, [1], [steps]), b.Given(DType.Int32, [1], [4]));
        });
        OperatorChecks.OnDevice(test, device);
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void NaN_stays_NaN(string name)
    {
        var device = TestDevices.Get(name);
        var builder = new CaseBuilder(device);
        var x = builder.Given(DType.Float32, [2, 1, 2], [-1, double.NaN, -1, -1]);
        builder.Store("y", CtcLoss.Apply(x, builder.Given(DType.Int32, [1, 1], [1]), builder.Given(DType.Int32, [1], [2]), builder.Given(DType.Int32, [1], [1]), zeroInfinity: true));
        using var program = builder.Graph.Compile(device);
        program.Run();
        Assert.That(TensorNumbers.Read(builder.Graph.Nodes.OfType<BoundNode>().Single(node => node.Name == "y").Tensor)[0], Is.NaN);
    }

    [Test]
    public void What_is_outside_its_range_fails_the_run_and_is_named([ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name)
    {
        Fails([5, 3], [1, 2], [1, 2, 1, 2], "input length 5 of sample 0 is outside 1 to 4");
        Fails([4, 0], [1, 2], [1, 2, 1, 2], "input length 0 of sample 1 is outside 1 to 4");
        Fails([4, 4], [1, 3], [1, 2, 1, 2], "target length 3 of sample 1 is outside 0 to 2");
        Fails([4, 4], [1, -1], [1, 2, 1, 2], "target length -1 of sample 1 is outside 0 to 2");
        Fails([4, 4], [1, 2], [1, 2, 1, 3], "label 3 at 1 of sample 1 is the blank or outside the classes 0 to 2");
        Fails([4, 4], [2, 2], [1, 0, 1, 2], "label 0 at 1 of sample 0 is the blank or outside the classes 0 to 2");
        Fails([4, 4], [1, 2], [1, 99, 1, 2], null);

        void Fails(int[] inputLengths, int[] targetLengths, int[] targets, string? message)
        {
            var device = TestDevices.Get(name);
            using var x = new Tensor(device, DType.Float32, [4, 2, 3]);
            using var labels = new Tensor(device, DType.Int32, [2, 2]);
            using var inputs = new Tensor(device, DType.Int32, [2]);
            using var lengths = new Tensor(device, DType.Int32, [2]);
            using var loss = new Tensor(device, DType.Float32, [2]);
            labels.Write<int>(targets);
            inputs.Write<int>(inputLengths);
            lengths.Write<int>(targetLengths);
            var graph = new Graph(training: true);
            graph.Store(CtcLoss.Apply(graph.Bind(x, "x"), graph.Bind(labels, "labels"), graph.Bind(inputs, "inputs"), graph.Bind(lengths, "lengths")), loss);
            using var program = graph.Compile(device);
            var run = () =>
            {
                program.Run();
                device.Synchronize();
            };
            if (message is null) Assert.DoesNotThrow(run.Invoke);
            else Assert.That(Assert.Throws<DeepNativeException>(run.Invoke)!.Message, Does.Contain(message));
        }
    }

    [Test]
    public void Its_gradient_has_no_derivative()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Input([3, 1, 3], -2, -1);
        Value loss;
        using (builder.Graph.Scope("ctc"))
            loss = CtcLoss.Apply(x, builder.Given(DType.Int32, [1, 1], [1]), builder.Given(DType.Int32, [1], [3]), builder.Given(DType.Int32, [1], [1]));
        var gradient = builder.Graph.Gradients(Reduce.Sum(loss), [x])[0];
        var error = Assert.Throws<NotSupportedException>(() => builder.Graph.Gradients(Reduce.Sum(gradient * gradient), [x]))!;
        Assert.That(error.Message, Does.Contain("layer 'ctc' (CtcLoss)"));
    }

    private static IEnumerable<int[]> Paths(int steps) =>
        Enumerable.Range(0, (int)Math.Pow(3, steps)).Select(number => Enumerable.Range(0, steps).Select(t => number / (int)Math.Pow(3, t) % 3).ToArray());

    private static IEnumerable<int> Collapse(int[] path, int blank) => path.Where((c, t) => c != blank && (t == 0 || path[t - 1] != c));

    private static double Probability(double[] logits, int[] path, int n, int batch)
    {
        var product = 1.0;
        for (var t = 0; t < path.Length; t++)
        {
            var at = (t * batch + n) * 3;
            product *= Math.Exp(logits[at + path[t]]) / (Math.Exp(logits[at]) + Math.Exp(logits[at + 1]) + Math.Exp(logits[at + 2]));
        }

        return product;
    }
}
