using DeepNative.Losses;
using DeepNative.Operators;

namespace DeepNative.Tests.Golden;

internal sealed class LossesGoldenTests
{
    private delegate Value Build(GoldenRun run, float[] weights, Reduction reduction);

    private static readonly Dictionary<string, Build> _losses = new()
    {
        ["SquaredError"] = (run, _, r) => new SquaredError(r).Forward(run.Bind("x"), run.Bind("target")),
        ["SquaredErrorOfWeighedSamples"] = (run, _, r) => new SquaredError(r).Forward(run.Bind("x"), run.Bind("target"), run.Bind("weight")),
        ["AbsoluteError"] = (run, _, r) => new AbsoluteError(r).Forward(run.Bind("x"), run.Bind("target")),
        ["Huber"] = (run, _, r) => new Huber(0.7f, r).Forward(run.Bind("x"), run.Bind("target")),
        ["SmoothL1"] = (run, _, r) => new SmoothL1(0.7f, r).Forward(run.Bind("x"), run.Bind("target")),
        ["Hinge"] = (run, _, r) => new Hinge(0.8f, reduction: r).Forward(run.Bind("x"), run.Bind("target")),
        ["HingeSquared"] = (run, _, r) => new Hinge(squared: true, reduction: r).Forward(run.Bind("x"), run.Bind("target")),
        ["BinaryCrossEntropy"] = (run, _, r) => new BinaryCrossEntropy(reduction: r).Forward(run.Bind("x"), run.Bind("target")),
        ["BinaryCrossEntropyTails"] = (run, _, r) => new BinaryCrossEntropy(reduction: Reduction.None).Forward(run.Bind("x"), run.Bind("target")),
        ["BinaryCrossEntropyWeights"] = (run, weights, r) => new BinaryCrossEntropy(weights, r).Forward(run.Bind("x"), run.Bind("target")),
        ["KullbackLeibler"] = (run, _, r) => new KullbackLeibler(reduction: r).Forward(run.Bind("x"), run.Bind("target")),
        ["KullbackLeiblerLog"] = (run, _, r) => new KullbackLeibler(logTargets: true, r).Forward(run.Bind("x"), run.Bind("target")),
        ["Poisson"] = (run, _, r) => new PoissonNegativeLogLikelihood(reduction: r).Forward(run.Bind("x"), run.Bind("target")),
        ["PoissonFull"] = (run, _, r) => new PoissonNegativeLogLikelihood(full: true, reduction: r).Forward(run.Bind("x"), run.Bind("target")),
        ["PoissonRates"] = (run, _, r) => new PoissonNegativeLogLikelihood(logOutput: false, reduction: r).Forward(run.Bind("x"), run.Bind("target")),
        ["Gaussian"] = (run, _, r) => new GaussianNegativeLogLikelihood(reduction: r).Forward(run.Bind("x"), run.Bind("variance"), run.Bind("target")),
        ["GaussianFull"] = (run, _, r) => new GaussianNegativeLogLikelihood(full: true, reduction: r).Forward(run.Bind("x"), run.Bind("variance"), run.Bind("target")),
        ["CrossEntropy"] = (run, _, r) => Forward(new SoftmaxCrossEntropy(reduction: r), run),
        ["CrossEntropySmooth"] = (run, _, r) => Forward(new SoftmaxCrossEntropy(labelSmoothing: 0.2f, reduction: r), run),
        ["CrossEntropyIgnore"] = (run, _, r) => Forward(new SoftmaxCrossEntropy(ignoreIndex: 255, reduction: r), run),
        ["CrossEntropyWeights"] = (run, weights, r) => Forward(new SoftmaxCrossEntropy(weights, reduction: r), run),
        ["CrossEntropyWeightsIgnore"] = (run, weights, r) => Forward(new SoftmaxCrossEntropy(weights, ignoreIndex: 255, reduction: r), run),
        ["CrossEntropySmoothIgnore"] = (run, _, r) => Forward(new SoftmaxCrossEntropy(labelSmoothing: 0.2f, ignoreIndex: 255, reduction: r), run),
        ["CrossEntropyAll"] = (run, weights, r) => Forward(new SoftmaxCrossEntropy(weights, 0.2f, 255, r), run),
        ["CrossEntropyMap"] = (run, _, r) => new SoftmaxCrossEntropy(reduction: r).Forward(run.Bind("x"), run.Bind("target"), run.Bind("map")),
        ["NegativeLogLikelihood"] = (run, _, r) => Forward(new NegativeLogLikelihood(reduction: r), run),
        ["NegativeLogLikelihoodIgnore"] = (run, _, r) => Forward(new NegativeLogLikelihood(ignoreIndex: 255, reduction: r), run),
        ["NegativeLogLikelihoodWeights"] = (run, weights, r) => Forward(new NegativeLogLikelihood(weights, reduction: r), run),
        ["NegativeLogLikelihoodWeightsIgnore"] = (run, weights, r) => Forward(new NegativeLogLikelihood(weights, 255, r), run),
        ["SoftTarget"] = (run, _, r) => Forward(new SoftTargetCrossEntropy(reduction: r), run),
        ["SoftTargetWeights"] = (run, weights, r) => Forward(new SoftTargetCrossEntropy(weights, reduction: r), run),
        ["SoftTargetSmooth"] = (run, _, r) => Forward(new SoftTargetCrossEntropy(labelSmoothing: 0.2f, reduction: r), run),
        ["SoftTargetAll"] = (run, weights, r) => Forward(new SoftTargetCrossEntropy(weights, 0.2f, r), run),
        ["MultiClassHinge"] = (run, _, r) => Forward(new MultiClassHinge(0.8f, reduction: r), run),
        ["MultiClassHingeSquared"] = (run, _, r) => Forward(new MultiClassHinge(squared: true, reduction: r), run),
        ["CosineEmbedding"] = (run, _, r) => new CosineEmbedding(-0.2f, r).Forward(run.Bind("a"), run.Bind("b"), run.Bind("target")),
        ["MarginRanking"] = (run, _, r) => new MarginRanking(0.3f, r).Forward(run.Bind("a"), run.Bind("b"), run.Bind("target")),
        ["TripletMargin"] = (run, _, r) => new TripletMargin(0.9f, reduction: r).Forward(run.Bind("a"), run.Bind("p"), run.Bind("n")),
        ["TripletMarginSwap"] = (run, _, r) => new TripletMargin(0.9f, swap: true, r).Forward(run.Bind("a"), run.Bind("p"), run.Bind("n")),
        ["Ctc"] = (run, _, r) => Ctc(new Losses.CtcLoss(reduction: r), run),
        ["CtcRepeats"] = (run, _, r) => Ctc(new Losses.CtcLoss(reduction: r), run),
        ["CtcBlankLast"] = (run, _, r) => Ctc(new Losses.CtcLoss(blank: 4, reduction: r), run),
        ["CtcLong"] = (run, _, r) => Ctc(new Losses.CtcLoss(reduction: r), run),
        ["CtcTight"] = (run, _, r) => Ctc(new Losses.CtcLoss(reduction: r), run),
        ["CtcZeroInfinity"] = (run, _, r) => Ctc(new Losses.CtcLoss(zeroInfinity: true, reduction: r), run),
    };

    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("losses");

    [Test]
    public void Every_loss_is_compared() => Assert.That(Cases.Select(test => Split(test.Name).Loss).Distinct(), Is.EquivalentTo(_losses.Keys));

    [Test]
    public void Losses_and_gradients_are_PyTorchs(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Cases))] GoldenCase test)
    {
        using var run = new GoldenRun(TestDevices.Get(device), test);
        var (name, reduction) = Split(test.Name);
        var weights = test.Tensors.TryGetValue("weights", out var table) || test.Tensors.TryGetValue("positive", out table)
            ? Array.ConvertAll(table.Numbers, number => (float)number)
            : [];
        var loss = _losses[name](run, weights, reduction);
        run.Expect("loss", loss);
        var inputs = test.Tensors.Keys.Where(key => key.StartsWith("grad_", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToArray();
        var total = loss.Shape.Rank == 0 ? loss : Reduce.Sum(loss * run.Bind("loss_weight"));
        var gradients = run.Graph.Gradients(total, Array.ConvertAll(inputs, input => run.Bind(input["grad_".Length..])));
        for (var i = 0; i < inputs.Length; i++) run.Expect(inputs[i], gradients[i]);
        run.Check(terms: name.StartsWith("CtcLong", StringComparison.Ordinal) ? 256 : 64, magnitude: 1);
    }

    private static Value Forward(Loss loss, GoldenRun run) => loss.Forward(run.Bind("x"), run.Bind("target"));

    private static Value Ctc(Losses.CtcLoss loss, GoldenRun run) =>
        loss.Forward(Softmax.Log(run.Bind("x"), 2), run.Bind("target"), run.Bind("input_lengths"), run.Bind("target_lengths"));

    // "CrossEntropyPixelsIgnoreSum" is CrossEntropyIgnore with another shape, and the sum.
    private static (string Loss, Reduction Reduction) Split(string name)
    {
        name = name.Replace("Pixels", "", StringComparison.Ordinal);
        foreach (var reduction in new[] { Reduction.BatchMean, Reduction.Mean, Reduction.Sum, Reduction.None })
        {
            if (name.EndsWith(reduction.ToString(), StringComparison.Ordinal)) return (name[..^reduction.ToString().Length], reduction);
        }

        return (name, Reduction.Mean);
    }
}
