using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Models;

internal sealed class ObjectMaskTests
{
    // ResNet-50 has 25,557,032: its last stage and its linear layer are missing.
    private const long Residual = 25_557_032 - LastStage - (2048 * 1000 + 1000);

    private const long LastStage =
        (1024 * 512 + 1024) + 3 * (512 * 512 * 9 + 1024) + 3 * (512 * 2048 + 4096) + 2 * (2048 * 512 + 1024) + (1024 * 2048 + 4096);

    [Test]
    public void SharpMask_has_the_papers_layers()
    {
        Assert.That(Residual, Is.EqualTo(8_543_296), "the first three stages of ResNet-50");
        var expected = Residual + Head(1024, 128, 100, 512, 32 * 100);
        var encoding = 32L;
        foreach (var features in new[] { 1024, 512, 256, 64 })
        {
            expected += Refined(encoding, features);
            encoding /= 2;
        }

        expected += Conv(2, 2, 9);
        var entry = ModelRegistry.Get("sharpmask");
        var model = entry.Create();
        var summary = ModelSummary.Of(model, entry.InputShape);
        Assert.That(summary.Parameters, Is.EqualTo(expected));
        Assert.That(summary.Layers[^1].OutputShape, Is.EqualTo(new Shape(1, 2, 160, 160)));
        Assert.That(
            summary.Layers.Where(layer => layer.Kind == "Upsample").Select(layer => layer.OutputShape),
            Is.EqualTo(new Shape[] { new(1, 16, 20, 20), new(1, 8, 40, 40), new(1, 4, 80, 80), new(1, 2, 160, 160) }));

        // The trunk's weights are those of ResNet-50's files.
        var residual = ModelRegistry.Get("resnet50").Create().Parameters().ToDictionary(p => p.Name, p => p.Shape);
        foreach (var parameter in model.Parameters().Where(p => !p.Name.StartsWith("head", StringComparison.Ordinal)
            && !p.Name.StartsWith("refine", StringComparison.Ordinal) && !p.Name.StartsWith("output", StringComparison.Ordinal)))
            Assert.That(residual[parameter.Name], Is.EqualTo(parameter.Shape), parameter.Name);
    }

    [Test]
    public void The_small_nets_share_a_trunk()
    {
        var trunk = Normed(3, 16) + Normed(16, 32) + Normed(32, 32) + Normed(32, 64) + Normed(64, 64) + Normed(64, 64) + Normed(64, 64);
        var sharp = trunk + Head(64, 32, 64, 128, 32 * 64) + Refined(32, 64) + Refined(16, 64) + Refined(8, 32) + Conv(4, 2, 9);
        var deep = trunk + Head(64, 32, 64, 128, 2 * 16 * 16);
        foreach (var (name, expected) in new[] { ("sharpmask-small", sharp), ("deepmask-small", deep) })
        {
            var entry = ModelRegistry.Get(name);
            var summary = ModelSummary.Of(entry.Create(), entry.InputShape);
            Assert.That(summary.Parameters, Is.EqualTo(expected), name);
            Assert.That(summary.Layers[^1].OutputShape, Is.EqualTo(new Shape(1, 2, 64, 64)), name);
            var other = new Shape(1, 40, 24);
            Assert.That(
                ModelSummary.Of(entry.Create(new ModelOptions { InputShape = other, Classes = 3 }), other).Layers[^1].OutputShape, Is.EqualTo(new Shape(1, 3, 40, 24)), name);
        }

        static long Normed(long from, long to) => from * to * 9 + 2 * to;
    }

    [TestCase("sharpmask", 160, 152, "multiples of 16")]
    [TestCase("sharpmask-small", 60, 64, "multiples of 8")]
    [TestCase("deepmask-small", 64, 4, "multiples of 8")]
    public void Windows_that_it_does_not_take_are_named(string name, int height, int width, string text)
    {
        var entry = ModelRegistry.Get(name);
        var error = Assert.Throws<ArgumentException>(() => entry.Create(new ModelOptions { InputShape = new Shape(3, height, width) }))!;
        Assert.That(error.Message, Does.Contain(text).And.Contain($"(3, {height}, {width})"));
        Assert.Throws<ArgumentOutOfRangeException>(() => entry.Create(new ModelOptions { Classes = 1 }));
        var other = Assert.Throws<ShapeException>(() => ModelSummary.Of(entry.Create(), new Shape(3, 32, 32)))!;
        Assert.That(other.Message, Does.Contain($"(N, 3, {entry.InputShape[1]}, {entry.InputShape[2]})"));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_refinement_is_its_formula(string name)
    {
        var device = TestDevices.Get(name);
        var (m, f, k, outputs, h, w) = (2, 3, 2, 1, 3, 4);
        var layer = new Refinement(m, f, outputs, skipChannels: k);
        layer.Materialize(device, seed: 3);
        var weights = layer.Parameters().Select(p => p.Tensor!.ToArray<float>()).ToArray();
        Assert.That(layer.Parameters().Select(p => p.Name), Is.EqualTo(new[] { "skip.weight", "skip.bias", "join.weight", "join.bias" }));
        var (encoding, features) = (DenseRun.Noise(new Shape(m, h, w), 1), DenseRun.Noise(new Shape(f, h, w), 2));
        var graph = new Graph(training: false, "refine");
        using var x = new Tensor(device, DType.Float32, new Shape(1, m, h, w));
        using var y = new Tensor(device, DType.Float32, new Shape(1, f, h, w));
        x.Write<float>(encoding);
        y.Write<float>(features);
        var output = layer.Forward(graph.Bind(x, "encoding"), graph.Bind(y, "features"));
        Assert.That(output.Shape, Is.EqualTo(new Shape(1, outputs, 2 * h, 2 * w)));
        using var z = new Tensor(device, DType.Float32, output.Shape);
        graph.Store(output, z);
        using var program = graph.Compile(device);
        program.Run();

        var skip = Convolve([.. features.Select(v => (double)v)], f, k, weights[0]);
        var join = Convolve([.. encoding.Select(v => (double)v), .. skip], m + k, outputs, weights[2]);
        var found = z.ToArray<float>();
        Assert.That(join.Max(), Is.GreaterThan(0.1));
        for (var i = 0; i < found.Length; i++) Assert.That(found[i], Is.EqualTo(Between(join, (i / (2 * w) + 0.5) / 2 - 0.5, (i % (2 * w) + 0.5) / 2 - 0.5)).Within(1e-4), $"{i}");
        layer.ReleaseTensors();

        // 3 x 3 windows beyond whose border all is 0, and ReLU; biases begin at 0.
        double[] Convolve(double[] from, int inputs, int to, float[] weight)
        {
            var result = new double[to * h * w];
            for (var i = 0; i < result.Length; i++)
            {
                var (o, row, column) = (i / (h * w), i / w % h, i % w);
                for (var j = 0; j < inputs * 9; j++)
                {
                    var (r, c) = (row + j / 3 % 3 - 1, column + j % 3 - 1);
                    if (r >= 0 && r < h && c >= 0 && c < w) result[i] += weight[o * inputs * 9 + j] * from[(j / 9 * h + r) * w + c];
                }

                result[i] = Math.Max(result[i], 0);
            }

            return result;
        }

        double Between(double[] map, double row, double column)
        {
            (row, column) = (Math.Clamp(row, 0, h - 1), Math.Clamp(column, 0, w - 1));
            var (r, c) = ((int)row, (int)column);
            var (below, right) = (Math.Min(r + 1, h - 1), Math.Min(c + 1, w - 1));
            var (v, u) = (row - r, column - c);
            return (1 - v) * ((1 - u) * map[r * w + c] + u * map[r * w + right]) + v * ((1 - u) * map[below * w + c] + u * map[below * w + right]);
        }
    }

    [Test]
    public void A_refinement_names_what_does_not_fit()
    {
        var layer = new Refinement(4, 8, 2);
        var graph = new Graph(training: false, "refine");
        var encoding = Declare(4, 6);
        Assert.That(Message(() => layer.Forward(encoding, Declare(8, 12))), Does.Contain("features (1, 8, 6, 6)").And.Contain("(1, 8, 12, 12)"));
        Assert.That(Message(() => layer.Forward(Declare(5, 6), Declare(8, 6))), Does.Contain("(N, 4, H, W)"));
        Assert.That(Assert.Throws<InvalidOperationException>(() => layer.Forward(encoding))!.Message, Does.Contain("two inputs"));
        foreach (var wrong in new Action[] { () => _ = new Refinement(0, 8, 2), () => _ = new Refinement(4, 0, 2), () => _ = new Refinement(4, 8, 0), () => _ = new Refinement(4, 8, 2, 0) })
            Assert.That(() => wrong(), Throws.InstanceOf<ArgumentOutOfRangeException>());

        Value Declare(int channels, int size) => graph.Declare(DType.Float32, new Shape(1, channels, size, size), "x");

        static string Message(Func<Value> forward) => Assert.Throws<ShapeException>(() => forward())!.Message;
    }

    [Test]
    public void A_small_one_learns_the_masks_of_objects()
    {
        var device = TestDevices.Get("cpu");
        var (training, test) = (Windows(192, seed: 1), Windows(64, seed: 2));
        var baseline = SegmentationBaseline.Majority(training, test).MeanIntersectionOverUnion;
        Assert.That(baseline, Is.LessThan(0.5));
        using var trainer = new Trainer(SharpMask.CreateSmall(new Shape(3, 32, 32), 2, width: 8), new SoftmaxCrossEntropy(), new Adam(learningRate: 5e-3f), device, seed: 1);
        trainer.Fit(training, new FitOptions { Epochs = 8, Batch = 16 });
        var score = trainer.Evaluate(test).MeanIntersectionOverUnion;
        TestContext.Out.WriteLine($"mean IoU {score:0.000}, baseline {baseline:0.000}");
        Assert.That(score, Is.GreaterThan(0.65));
    }

    private static IEnumerable<TestCaseData> Steps()
    {
        foreach (var name in TestDevices.Names)
        {
            yield return Case(name, "sharpmask-small", () => SharpMask.CreateSmall(new Shape(3, 16, 16), 2, width: 4));
            yield return Case(name, "deepmask-small", () => DeepMask.CreateSmall(new Shape(3, 16, 16), 2, width: 4));
            if (name == "cpu") yield return Case(name, "sharpmask", () => SharpMask.Create(new Shape(3, 16, 16), 2, width: 1.0 / 16));
        }

        static TestCaseData Case(string device, string name, Func<Layer> model) => new TestCaseData(device, model).SetArgDisplayNames(device, name);
    }

    [TestCaseSource(nameof(Steps))]
    public void A_step_of_training_reaches_every_weight(string name, Func<Layer> create)
    {
        var model = create();
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(learningRate: 0.1f), TestDevices.Get(name), seed: 1);
        var before = Weights(model);
        var result = trainer.Fit(Windows(2, seed: 1, size: 16), new FitOptions { Epochs = 1, Batch = 2 });
        Assert.That(result.Loss, Is.GreaterThan(0).And.LessThan(10));
        foreach (var (parameter, values) in Weights(model)) Assert.That(values, Is.Not.EqualTo(before[parameter]), parameter);

        static Dictionary<string, float[]> Weights(Layer model) => model.Parameters()
            .Where(p => p.Name.EndsWith("weight", StringComparison.Ordinal)).ToDictionary(p => p.Name, p => p.Tensor!.ToArray<float>());
    }

    private static IExampleSource Windows(int count, ulong seed, int size = 32) =>
        new ShapesDataset(new ShapesOptions { Count = count, Size = size * 3 / 2, MostObjects = 3, Seed = seed }).ToObjectMasks(size);

    private static long Conv(long from, long to, long window) => from * to * window + to;

    private static long Refined(long encoding, long features) => Conv(features, encoding, 9) + Conv(2 * encoding, encoding / 2, 9);

    private static long Head(long channels, long reduced, long places, long rank, long outputs) =>
        Conv(channels, reduced, 1) + Conv(reduced * places, rank, 1) + Conv(rank, outputs, 1);
}
