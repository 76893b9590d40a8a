using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Operators;
using DeepNative.Optimizers;
using DeepNative.Tests.Operators;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

internal sealed class LossCases : IOperatorCases
{
    private static readonly float[] _classWeights = [0.5f, 1.5f, 0.25f, 2f];

    public static IEnumerable<OperatorCase> Cases =>
    [
        Case("squared error", b => new SquaredError().Forward(b.Input([3, 4]), Target(b, [3, 4]))),
        Case("absolute error", b => new AbsoluteError(Reduction.Sum).Forward(b.Input([3, 4], 1, 2), Target(b, [3, 4]))),
        Case("huber", b => new Huber(0.6f).Forward(b.Input([3, 5]), Target(b, [3, 5]))),
        Case("smooth L1", b => new SmoothL1(0.5f).Forward(b.Input([3, 5]), Target(b, [3, 5]))),
        Case("hinge", b => new Hinge(reduction: Reduction.BatchMean).Forward(b.Input([5]), Signs(b, 5))),
        Case("squared hinge", b => new Hinge(squared: true).Forward(b.Input([5]), Signs(b, 5))),
        Case("multi-class hinge", b => new MultiClassHinge(0.7f).Forward(b.Input([5, 4], -2, 2), Labels(b, [5]))),
        Case("squared multi-class hinge", b => new MultiClassHinge(squared: true).Forward(b.Input([5, 4], -2, 2), Labels(b, [5]))),
        Case("binary cross-entropy", b => new BinaryCrossEntropy().Forward(b.Input([3, 4], -3, 3), b.Input([3, 4], 0, 1, differentiable: false))),
        Case("binary cross-entropy of weighed classes", b => new BinaryCrossEntropy(_classWeights).Forward(b.Input([3, 4], -3, 3), b.Input([3, 4], 0, 1, differentiable: false))),
        Case("Kullback-Leibler", b => new KullbackLeibler().Forward(b.Input([3, 4], -3, -1), b.Input([3, 4], 0.1, 0.4, differentiable: false))),
        Case("Kullback-Leibler of logarithms", b => new KullbackLeibler(logTargets: true).Forward(b.Input([3, 4], -3, -1), b.Input([3, 4], -3, -1))),
        Case("poisson", b => new PoissonNegativeLogLikelihood(full: true).Forward(b.Input([7]), b.Input([7], 0, 4, differentiable: false))),
        Case("gaussian", b => new GaussianNegativeLogLikelihood(full: true).Forward(b.Input([7]), b.Input([7], 0.2, 1), b.Input([7]))),
        Case("cosine embedding", b => new CosineEmbedding(-0.5f).Forward(b.Input([5, 3]), b.Input([5, 3]), Signs(b, 5))),
        Case("margin ranking", b => new MarginRanking(0.2f).Forward(b.Input([5]), b.Input([5]), Signs(b, 5))),
        Case("triplet margin", b => new TripletMargin(2f, swap: true).Forward(b.Input([5, 3]), b.Input([5, 3]), b.Input([5, 3]))),
        Case("negative log-likelihood", b => new NegativeLogLikelihood(_classWeights, ignoreIndex: 2).Forward(b.Input([6, 4, 3]), Labels(b, [6, 3]))),
        Case("cross-entropy, everything", b => new SoftmaxCrossEntropy(_classWeights, 0.1f, 2).Forward(b.Input([6, 4, 3]), Labels(b, [6, 3]))),
        Case("cross-entropy, some ignored", b => new SoftmaxCrossEntropy(ignoreIndex: 2).Forward(b.Input([6, 4]), Labels(b, [6]))),
        Case("cross-entropy of weighed classes", b => new SoftmaxCrossEntropy(_classWeights, reduction: Reduction.BatchMean).Forward(b.Input([6, 4, 2]), Labels(b, [6, 2]))),
        Case("cross-entropy with a map", b => new SoftmaxCrossEntropy(_classWeights).Forward(b.Input([2, 4, 3, 2]), Labels(b, [2, 3, 2]), b.Input([2, 3, 2], 0.5, 2, differentiable: false))),
        Case("cross-entropy of weighed samples", b => new SoftmaxCrossEntropy().Forward(b.Input([3, 4, 2]), Labels(b, [3, 2]), b.Input([3], 0.5, 2, differentiable: false))),
        Case("cross-entropy of soft targets", b => new SoftTargetCrossEntropy(_classWeights, 0.2f).Forward(b.Input([3, 4, 2]), b.Input([3, 4, 2], 0, 1, differentiable: false))),
        Case("a penalty on activities", b =>
        {
            var hidden = Activations.Softplus(MatMul.Multiply(b.Input([6, 3]), b.Input([5, 3]), transposeB: true));
            var loss = new SoftmaxCrossEntropy().Forward(MatMul.Multiply(hidden, b.Input([4, 5]), transposeB: true), Labels(b, [6]));
            return loss + 0.1f * Reduce.Mean(Pointwise.Abs(hidden));
        }),
    ];

    public static IEnumerable<BadCase> BadCases =>
    [
        new("pairs without features", "first has rank 1, expected 2", b => new CosineEmbedding().Forward(b.Input([5]), b.Input([5]), b.Input([5]))),
        new("triplets without features", "anchor has rank 1, expected 2", b => new TripletMargin().Forward(b.Input([5]), b.Input([5]), b.Input([5]))),
        new("a constant of another size", "(3) has 3 elements, there are 2 numbers", b => b.Graph.Constant([1f, 2f], [3])),
    ];

    public static OperatorCase Random(System.Random random)
    {
        // Powers of two: passes fold constants in float32, which the reference does not.
        Shape shape = [1L << random.Next(4), 4, .. Enumerable.Range(0, random.Next(0, 3)).Select(_ => 1L << random.Next(3))];
        int? ignored = random.Next(2) == 0 ? null : 1;
        var (weights, smoothing) = (random.Next(2) == 0 ? null : _classWeights, random.Next(2) == 0 ? 0f : 0.25f);
        var reduction = (Reduction)random.Next(1, 4);
        return Case($"cross-entropy {shape}, {reduction}, smoothed by {smoothing}, weighed: {weights is not null}, ignored: {ignored}", b =>
            new SoftmaxCrossEntropy(weights, smoothing, ignored, reduction).Forward(b.Input(shape, -2, 2), Labels(b, shape.Until(1).Concat(shape.From(2)))));
    }

    private static OperatorCase Case(string name, Func<CaseBuilder, Value> build) => new(name, b =>
    {
        b.ReductionLength = 32;
        b.Magnitude = 4;
        b.MayBeZero = true;
        return build(b);
    });

    private static Value Target(CaseBuilder b, Shape shape) => b.Input(shape, differentiable: false);

    private static Value Labels(CaseBuilder b, Shape shape) => b.Indices(DType.Int32, shape, 4);

    private static Value Signs(CaseBuilder b, int count) => b.Given(DType.Float32, [count], [.. Enumerable.Range(0, count).Select(i => i % 3 == 1 ? -1.0 : 1.0)], differentiable: false);
}

/// <summary>Losses: their derivatives of both orders on every device, and what the trainer asks them.</summary>
internal sealed class LossTests : OperatorTests<LossCases>
{
    [Test]
    public void Targets_that_do_not_fit_are_named()
    {
        var graph = new Graph(training: true);
        Value Numbers(params long[] shape) => graph.Declare(DType.Float32, new Shape(shape), "x");
        Value Labels(params long[] shape) => graph.Declare(DType.Int32, new Shape(shape), "y");
        Fails("loss SquaredError: targets are Float32 (3), expected Float32 (3, 1) for an output of (3, 1)", () => new SquaredError().Forward(Numbers(3, 1), Numbers(3)));
        Fails("loss Huber: targets are Int32 (3), expected Float32 (3)", () => new Huber().Forward(Numbers(3), Labels(3)));
        Fails("loss SoftmaxCrossEntropy: targets are Int32 (3), expected Int32 (3, 5)", () => new SoftmaxCrossEntropy().Forward(Numbers(3, 4, 5), Labels(3)));
        Fails("loss SoftmaxCrossEntropy: the model's output is (3), expected (N, classes)", () => new SoftmaxCrossEntropy().Forward(Numbers(3), Labels(3)));
        Fails("loss SoftmaxCrossEntropy: there are 3 weights, expected 4", () => new SoftmaxCrossEntropy([1f, 2f, 3f]).Forward(Numbers(3, 4), Labels(3)));
        Fails("loss SoftmaxCrossEntropy: weight is Float32 (4), expected Float32 (3)", () => new SoftmaxCrossEntropy().Forward(Numbers(3, 4, 2), Labels(3, 2), Numbers(4)));
        Fails("loss NegativeLogLikelihood: targets are Float32 (3), expected Int32 (3)", () => new NegativeLogLikelihood().Forward(Numbers(3, 4), Numbers(3)));
        Fails("loss MultiClassHinge: the model's output is (3, 4, 5), expected (N, classes)", () => new MultiClassHinge().Forward(Numbers(3, 4, 5), Labels(3)));
        Fails("loss SquaredError: weight is Float32 (2), expected Float32 (3)", () => new SquaredError().Forward(Numbers(3, 2), Numbers(3, 2), Numbers(2)));
        Fails("loss MarginRanking: second is Float32 (4), expected Float32 (3)", () => new MarginRanking().Forward(Numbers(3), Numbers(4), Numbers(3)));
        Fails("loss TripletMargin: negative is Int32 (3, 2), expected Float32 (3, 2)", () => new TripletMargin().Forward(Numbers(3, 2), Numbers(3, 2), Labels(3, 2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Huber(0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SmoothL1(-1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SoftmaxCrossEntropy(labelSmoothing: 1.5f));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SoftTargetCrossEntropy(labelSmoothing: -0.1f));

        static void Fails(string message, Func<Value> build) => Assert.That(Assert.Throws<ShapeException>(() => build())!.Message, Does.StartWith(message));
    }

    [Test]
    public void Wrong_predictions_are_counted_by_sample()
    {
        Assert.That(Errors(new SoftmaxCrossEntropy(), [3, 2], [1, 0, 0, 1, 1, 0], [0, 0, 0]), Is.EqualTo(1));
        Assert.That(Errors(new SoftmaxCrossEntropy(ignoreIndex: 7), [3, 2], [1, 0, 0, 1, 1, 0], [1, 7, 0]), Is.EqualTo(1));

        // One of four pixels of the only sample.
        Assert.That(Errors(new SoftmaxCrossEntropy(), [1, 2, 2, 2], [1, 1, 0, 0, 0, 0, 1, 1], [0, 0, 1, 0]), Is.EqualTo(0.25));
        Assert.That(Errors(new NegativeLogLikelihood(), [2, 2], [-1, -2, -3, -1], [1, 1]), Is.EqualTo(1));
        Assert.That(Errors(new MultiClassHinge(), [2, 2], [-1, -2, -3, -1], [0, 1]), Is.EqualTo(0));
        Assert.That(Errors(new SoftTargetCrossEntropy(), [2, 2], [-1, -2, -3, -1], [0.4, 0.6, 0.1, 0.9]), Is.EqualTo(1));
        Assert.That(Errors(new BinaryCrossEntropy(), [2, 2], [-1, 2, 3, 1], [0, 1, 0, 0]), Is.EqualTo(1));
        Assert.That(Errors(new Hinge(), [4], [-1, 2, 3, 0], [-1, 1, -1, 1]), Is.EqualTo(2));
    }

    [Test]
    public void A_label_that_is_ignored_may_be_any()
    {
        var output = new Shape(3, 4);
        Assert.That(new SoftmaxCrossEntropy().Classes(output), Is.EqualTo(4));
        Assert.That(new SoftmaxCrossEntropy(ignoreIndex: 255).Classes(output), Is.Null);
        Assert.That(new NegativeLogLikelihood(ignoreIndex: 255).Classes(output), Is.Null);
        Assert.That(new MultiClassHinge().Classes(output), Is.EqualTo(4));
    }

    [Test]
    public void A_position_that_is_ignored_may_hold_anything([ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name, [Values] bool composed)
    {
        var device = TestDevices.Get(name);
        var builder = new CaseBuilder(device);
        var x = builder.Given(DType.Float32, [2, 2], [double.NaN, double.NegativeInfinity, 0, 0]);
        var loss = new SoftmaxCrossEntropy(composed ? [1f, 1f] : null, composed ? 0.5f : 0f, ignoreIndex: -1).Forward(x, builder.Given(DType.Int32, [2], [-1, 1]));
        builder.Store("loss", loss);
        using var program = builder.Graph.Compile(device);
        program.Run();
        var found = TensorNumbers.Read(builder.Graph.Nodes.OfType<BoundNode>().Single(node => node.Name == "loss").Tensor)[0];
        Assert.That(found, Is.EqualTo(Math.Log(2)).Within(1e-6));
    }

    private static IEnumerable<TestCaseData> Trained()
    {
        yield return Case(new SoftmaxCrossEntropy([1f, 2f], 0.1f, ignoreIndex: 9), 2, new LogSoftmax());
        yield return Case(new NegativeLogLikelihood(), 2, new LogSoftmax());
        yield return Case(new MultiClassHinge(), 2);
        yield return Case(new SquaredError(), 1);
        yield return Case(new AbsoluteError(), 1);
        yield return Case(new Huber(0.5f), 1);
        yield return Case(new SmoothL1(), 1);
        yield return Case(new PoissonNegativeLogLikelihood(), 1);

        static TestCaseData Case(Loss loss, int outputs, Layer? last = null) => new TestCaseData(loss, outputs, last ?? new Identity()).SetArgDisplayNames(loss.GetType().Name);
    }

    [TestCaseSource(nameof(Trained))]
    public void A_trainer_makes_it_small(Loss loss, int outputs, Layer last)
    {
        using var device = TestMachine.Open();
        var data = loss.TargetType == DType.Int32
            ? Synthetic.Xor
            : new TensorDataset(new Shape(2), [-1, -1, -1, 1, 1, -1, 1, 1], new Shape(1), [0f, 2f, 1f, 3f]);
        using var trainer = new Trainer(new Sequential(new Linear(2, 16), new Tanh(), new Linear(16, outputs), last), loss, new Adam(0.02f), device, seed: 2);
        var before = trainer.Evaluate(data);
        trainer.Fit(data, new FitOptions { Epochs = 150, Batch = 4 });
        var after = trainer.Evaluate(data);
        Assert.That(after.Loss, Is.LessThan(before.Loss - 0.3));
        if (loss.TargetType == DType.Int32) Assert.That(after.Error, Is.Zero);
    }

    // Of numbers, or of labels where the loss wants those.
    private static double Errors(Loss loss, Shape shape, double[] output, double[] target)
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Given(DType.Float32, shape, output);
        builder.Store("errors", loss.CountErrors(x, builder.Given(loss.TargetType, loss.TargetShape(shape), target))!);
        return OperatorChecks.Run(builder.Graph.Nodes, builder)["errors"][0];
    }
}
