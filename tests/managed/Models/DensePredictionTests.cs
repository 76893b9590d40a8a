using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Operators;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Models;

internal sealed class DensePredictionTests
{
    private const long VggFeatures = 14_714_688;

    // fc6 is 7 x 7 over 512 channels, fc7 joins 4096 with 4096.
    private const long VggHidden = (512L * 49 * 4096) + 4096 + (4096L * 4096) + 4096;

    // The paper's table 1 has 134 million for FCN-VGG16.
    [TestCase("fcn32s-vgg", 0L)]
    [TestCase("fcn16s-vgg", (512 * 21) + 21 + (21 * 21 * 16))]
    [TestCase("fcn8s-vgg", (512 * 21) + 21 + (21 * 21 * 16) + (256 * 21) + 21 + (21 * 21 * 16))]
    public void Fcn_has_the_papers_parameters_and_the_pictures_size(string name, long skips)
    {
        var model = ModelRegistry.Get(name).Create();
        const long head = VggFeatures + VggHidden + (4096 * 21) + 21;
        Assert.That(head, Is.EqualTo(134_346_581));
        Assert.That(model.ParameterCount(), Is.EqualTo(head + skips));
        foreach (var (height, width) in new[] { (500, 500), (333, 500), (32, 65), (1, 1) })
        {
            var graph = new Graph(training: false, "shapes");
            Assert.That(model.Forward(graph.Declare(DType.Float32, new Shape(2, 3, height, width), "x")).Shape, Is.EqualTo(new Shape(2, 21, height, width)));
        }
    }

    // The offsets of the authors' published nets, in the order of the crops' axes.
    [TestCase(32, new long[] { 19 })]
    [TestCase(16, new long[] { 5, 27 })]
    [TestCase(8, new long[] { 5, 9, 31 })]
    public void Maps_are_cropped_where_they_lie_on_each_other(int stride, long[] expected)
    {
        var graph = new Graph(training: false, "crops");
        new FcnVgg(3, 21, stride).Forward(graph.Declare(DType.Float32, new Shape(1, 3, 500, 500), "x"));
        foreach (var axis in new[] { 2, 3 })
            Assert.That(graph.Nodes.OfType<SliceNode>().Select(node => node.Begin[axis]).Where(begin => begin != 0), Is.EqualTo(expected));
    }

    [Test]
    public void A_bilinear_transposed_convolution_enlarges_bilinearly()
    {
        var device = TestDevices.Get("cpu");
        foreach (var groups in new[] { 1, 3 })
        {
            var up = new ConvTranspose2d(3, 3, kernel: 8, stride: 4, padding: 2, groups: groups, bias: false, weightInitializer: Initializer.Bilinear(groups));
            var x = DenseRun.Noise(new Shape(3, 5, 6), seed: 4);
            var (found, shape) = DenseRun.Forward(up, device, new Shape(1, 3, 5, 6), x);
            var (expected, _) = DenseRun.Forward(new Upsample(4, UpsampleMode.Linear), device, new Shape(1, 3, 5, 6), x);
            Assert.That(shape, Is.EqualTo(new Shape(1, 3, 20, 24)));

            // At the border one mixes with zeros, the other does not.
            for (var i = 0; i < expected.Length; i++)
            {
                var (row, column) = (i / 24 % 20, i % 24);
                if (row is >= 2 and < 18 && column is >= 2 and < 22) Assert.That(found[i], Is.EqualTo(expected[i]).Within(1e-5), $"{groups} groups, {i}");
            }

            up.ReleaseTensors();
        }
    }

    // "Approximately 252M", section 3.1 of the paper; normalisation adds two numbers a channel.
    [Test]
    public void DeconvNet_has_the_papers_parameters()
    {
        var decoder = (4096L * 512 * 49) + 512;
        foreach (var (from, to) in new (long, long)[]
        {
            (512, 512), (512, 512), (512, 512), (512, 512), (512, 512), (512, 256), (256, 256), (256, 256), (256, 128), (128, 128), (128, 64), (64, 64), (64, 64),
        }) decoder += from * to * 9 + to;
        var expected = VggFeatures + VggHidden + decoder + (64 * 21) + 21;
        Assert.That(expected, Is.EqualTo(251_772_245));
        var model = ModelRegistry.Get("deconvnet").Create();
        var normalisation = model.Parameters().Where(p => p.Trainable && p.Shape.Rank == 1).Sum(p => p.Shape.Count) - Biases(model);
        Assert.That(model.ParameterCount() - normalisation, Is.EqualTo(expected));
        Assert.That(ModelSummary.Of(model, new Shape(3, 224, 224)).Layers[^1].OutputShape, Is.EqualTo(new Shape(1, 21, 224, 224)));
        Assert.Throws<ArgumentException>(() => ModelRegistry.Get("deconvnet").Create(new ModelOptions { InputShape = new Shape(3, 200, 224) }));

        static long Biases(Layer model) => model.Children.Where(layer => layer is ConvLayer).Sum(layer => layer.Parameters()[1].Shape.Count);
    }

    [Test]
    public void Cam_vgg_is_vgg_with_a_mean()
    {
        var model = ModelRegistry.Get("cam-vgg").Create();
        Assert.That(model.ParameterCount(), Is.EqualTo(VggFeatures + (512 * 1024 * 9) + 1024 + (1024 * 1000) + 1000));
        var graph = new Graph(training: false, "shapes");
        var map = ClassActivationMap.Of(model, new Shape(3, 224, 224)).Forward(graph.Declare(DType.Float32, new Shape(1, 3, 224, 224), "x"));
        Assert.That(map.Shape, Is.EqualTo(new Shape(1, 1000, 14, 14)));
    }

    // Features twice, the first stage's 512 channels, five stages of 11 x 11 windows that see 32 features and 15 maps.
    [Test]
    public void The_pose_machine_has_the_papers_layers()
    {
        var features = Conv(3, 128, 9) + Conv(128, 128, 9) + Conv(128, 128, 9) + Conv(128, 32, 5);
        var first = Conv(32, 512, 9) + Conv(512, 512, 1) + Conv(512, 15, 1);
        var later = Conv(32 + 15, 128, 11) + Conv(128, 128, 11) + Conv(128, 128, 11) + Conv(128, 128, 1) + Conv(128, 15, 1);
        var model = ModelRegistry.Get("pose-machine").Create();
        Assert.That(model.ParameterCount(), Is.EqualTo(2 * features + first + 5 * later));
        Assert.That(model.Forward(Declare(training: false)).Shape, Is.EqualTo(new Shape(1, 15, 46, 46)));
        var input = Declare(training: true);
        model.Forward(input);
        Assert.That(input.Graph.Auxiliary.Select(entry => (entry.Output.Shape, entry.Weight)), Is.EqualTo(Enumerable.Repeat((new Shape(1, 15, 46, 46), 1f), 5)));

        static long Conv(long from, long to, long kernel) => from * to * kernel * kernel + to;
        static Value Declare(bool training) => new Graph(training, "shapes").Declare(DType.Float32, new Shape(1, 3, 368, 368), "x");
    }

    [Test]
    public void Peaks_are_found_between_cells()
    {
        // A parabola with its top at (3.3, 1.8), measured from the middle of the first cell.
        var map = new float[5 * 7];
        for (var i = 0; i < map.Length; i++) map[i] = 10f - (i % 7 - 3.3f) * (i % 7 - 3.3f) - (i / 7 - 1.8f) * (i / 7 - 1.8f);
        var (x, y, peak) = PoseMachine.Peaks(map, 5, 7, scale: 4f)[0];
        Assert.That(x, Is.EqualTo((3.3f + 0.5f) * 4).Within(1e-4));
        Assert.That(y, Is.EqualTo((1.8f + 0.5f) * 4).Within(1e-4));
        Assert.That(peak, Is.EqualTo(10f - 0.13f).Within(1e-4));
        Assert.That(PoseMachine.Peaks([1f, 0f, 0f, 0f], 2, 2)[0], Is.EqualTo((0.5f, 0.5f, 1f)));
        Assert.Throws<ArgumentException>(() => PoseMachine.Peaks(map, 4, 7));
    }

    private static IEnumerable<TestCaseData> Steps()
    {
        foreach (var name in TestDevices.Names)
        {
            yield return Case(name, "deconvnet", () => DeconvNet.Create(new Shape(1, 16, 16), 3, width: 1, stages: 2));
            yield return Case(name, "upsample", () => DeconvNet.Create(new Shape(1, 16, 16), 3, width: 1, stages: 2, unpool: false));
            if (name == "cpu") yield return Case(name, "fcn8s", () => new FcnVgg(1, 3, stride: 8, width: 2));
        }

        static TestCaseData Case(string device, string name, Func<Layer> model) => new TestCaseData(device, model).SetArgDisplayNames(device, name);
    }

    [TestCaseSource(nameof(Steps))]
    public void A_step_of_training_runs(string device, Func<Layer> model)
    {
        using var trainer = new Trainer(model(), new SoftmaxCrossEntropy(), new Sgd(learningRate: 0.01f), TestDevices.Get(device), seed: 1);
        var result = trainer.Fit(MaskExamples.Shapes(2, 16, seed: 1), new FitOptions { Epochs = 1, Batch = 2 });
        Assert.That(result.Loss, Is.GreaterThan(0).And.LessThan(10));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Every_stage_of_a_pose_machine_learns(string device)
    {
        var model = new PoseMachine(1, 2, stages: 2, width: 4, poolings: 1, kernel: 3);
        using var trainer = new Trainer(model, new SquaredError(), new Sgd(learningRate: 0.1f), TestDevices.Get(device), seed: 1);
        var before = Weights(model);
        trainer.Fit(new TensorDataset(new Shape(1, 8, 8), DenseRun.Noise(new Shape(2, 8, 8), 1), new Shape(2, 4, 4), DenseRun.Noise(new Shape(4, 4, 4), 2)), new FitOptions { Epochs = 1, Batch = 2 });
        var after = Weights(model);
        foreach (var (name, values) in after) Assert.That(values, Is.Not.EqualTo(before[name]), name);

        static Dictionary<string, float[]> Weights(Layer model) => model.Parameters().Where(p => p.Name.EndsWith("weight", StringComparison.Ordinal)).ToDictionary(p => p.Name, p =>
        {
            var values = new float[p.Shape.Count];
            p.Tensor!.Read<float>(values);
            return values;
        });
    }
}
