using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Models;

internal sealed class UNetTests
{
    // 3x3 convolutions, up-convolutions, and 64 * 2 + 2 of the output. Keras versions that have a further 3x3
    // convolution to 2 channels (1154) and end in one sigmoid (3) count 31,031,685 = 31,030,658 - 130 + 1154 + 3.
    [Test]
    public void It_has_the_papers_parameters_and_sizes()
    {
        long[] channels = [1, 64, 128, 256, 512, 1024];
        var expected = 64L * 2 + 2;
        for (var level = 1; level <= 5; level++)
        {
            expected += Conv(channels[level - 1], channels[level]) + Conv(channels[level], channels[level]);
            if (level == 5) break;
            expected += channels[level + 1] * channels[level] * 4 + channels[level];
            expected += Conv(channels[level + 1], channels[level]) + Conv(channels[level], channels[level]);
        }

        Assert.That(expected, Is.EqualTo(31_030_658));
        Assert.That(expected - 130 + (64 * 2 * 9 + 2) + (2 + 1), Is.EqualTo(31_031_685));
        var entry = ModelRegistry.Get("unet");
        var summary = ModelSummary.Of(entry.Create(), entry.InputShape);
        Assert.That(summary.Parameters, Is.EqualTo(expected));
        Assert.That(Output(summary), Is.EqualTo(new Shape(1, 2, 388, 388)));

        // The sizes printed in the paper's figure 1.
        Assert.That(summary.Layers.Where(layer => layer.Kind == "Conv2d").Select(layer => layer.OutputShape[2]), Is.EqualTo(new long[]
        {
            570, 568, 282, 280, 138, 136, 66, 64, 30, 28, 54, 52, 102, 100, 198, 196, 390, 388, 388,
        }));

        static long Conv(long from, long to) => from * to * 9 + to;
    }

    [TestCase("unet-padded", 48, 80)]
    [TestCase("unet-small", 16, 32)]
    public void Padded_nets_keep_the_size(string name, int height, int width)
    {
        var input = new Shape(3, height, width);
        var summary = ModelSummary.Of(ModelRegistry.Get(name).Create(new ModelOptions { InputShape = input, Classes = 5 }), input);
        Assert.That(Output(summary), Is.EqualTo(new Shape(1, 5, height, width)));
    }

    [Test]
    public void Sizes_that_it_does_not_take_are_named()
    {
        Refused("unet", new Shape(1, 512, 512), "188, 204");
        Refused("unet-small", new Shape(1, 100, 64), "multiples of 16");
        Refused("unet-small", new Shape(64), "(C, H, W)");
        var error = Assert.Throws<ShapeException>(() => ModelSummary.Of(new UNet(1, 2, width: 2), new Shape(1, 200, 200)))!;
        Assert.That(error.Message, Does.Contain("halve 4 times"));

        static void Refused(string name, Shape input, string text)
        {
            var error = Assert.Throws<ArgumentException>(() => ModelRegistry.Get(name).Create(new ModelOptions { InputShape = input }))!;
            Assert.That(error.Message, Does.Contain(text));
        }
    }

    [Test]
    public void Copies_are_cropped_at_their_middle()
    {
        var graph = new Graph(training: false, "crop");
        var device = TestDevices.Get("cpu");
        var values = new float[5 * 7];
        for (var i = 0; i < values.Length; i++) values[i] = i;
        using var x = new Tensor(device, DType.Float32, new Shape(1, 1, 5, 7));
        x.Write<float>(values);
        using var y = new Tensor(device, DType.Float32, new Shape(1, 1, 1, 3));
        graph.Store(UNet.CenterCrop(graph.Bind(x, "x"), y.Shape), y);
        using var program = graph.Compile(device);
        program.Run();
        var result = new float[3];
        y.Read<float>(result);
        Assert.That(result, Is.EqualTo(new float[] { 16, 17, 18 }));
    }

    [Test]
    public void A_small_one_learns_to_part_shapes()
    {
        var device = TestDevices.Get("cpu");
        var (training, test) = (MaskExamples.Shapes(48, 32, seed: 1), MaskExamples.Shapes(16, 32, seed: 2));
        using var trainer = new Trainer(
            new UNet(1, 3, width: 8, padding: 1, levels: 2, dropout: 0f, batchNorm: true), new SoftmaxCrossEntropy(), new Adam(learningRate: 5e-3f), device, seed: 1);
        trainer.Fit(training, new FitOptions { Epochs = 12, Batch = 8 });

        // The baseline: every pixel is background.
        var baseline = SegmentationBaseline.Majority(training, test).MeanIntersectionOverUnion;
        var score = trainer.Evaluate(test).MeanIntersectionOverUnion;
        TestContext.Out.WriteLine($"mean IoU {score:0.000}, baseline {baseline:0.000}");
        Assert.That(baseline, Is.LessThan(0.35));
        Assert.That(score, Is.GreaterThan(0.75));

        var counts = new long[9];
        for (var i = 0; i < test.Count; i++)
        {
            var map = trainer.Predict(test.Picture(i)).ClassMap(0);
            for (var pixel = 0; pixel < map.Length; pixel++) counts[3 * test.Mask(i)[pixel] + map[pixel]]++;
        }

        Assert.That(new ConfusionMatrix(3, counts), Is.EqualTo(trainer.Evaluate(test).Confusion));
    }

    [Test]
    public void Baselines_are_those_of_a_search()
    {
        // Dark pixels are of class 1 more often, so the rule is turned round.
        byte[] pictures = [10, 20, 30, 40, 50, 60, 12, 22, 32, 42, 52, 62];
        int[] masks = [1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0];
        var data = new ByteExamples("grey", new Shape(1, 2, 3), pictures, new Shape(2, 3), masks, classes: 2);
        var (threshold, bright, result) = SegmentationBaseline.Threshold(data, data);
        Assert.That((threshold, bright), Is.EqualTo((41, 0)));
        Assert.That((result[0, 0], result[0, 1], result[1, 0], result[1, 1]), Is.EqualTo((5L, 1L, 0L, 6L)));
        Assert.That(result.MeanIntersectionOverUnion, Is.EqualTo((5.0 / 6 + 6.0 / 7) / 2).Within(1e-12));
        var majority = SegmentationBaseline.Majority(data, data);
        Assert.That((majority.IntersectionOverUnion(0), majority.IntersectionOverUnion(1)), Is.EqualTo((0.5, 0.0)));
        Assert.Throws<ArgumentException>(() => SegmentationBaseline.Majority(DeepNative.Tests.Training.Synthetic.Xor, data));
        Assert.Throws<ArgumentException>(() => SegmentationBaseline.Threshold(MaskExamples.Shapes(1, 16, 1), MaskExamples.Shapes(1, 16, 1)));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_step_runs_on_every_device(string name)
    {
        using var trainer = new Trainer(
            new UNet(1, 3, width: 2, padding: 1, levels: 2), new SoftmaxCrossEntropy(), new Sgd(learningRate: 0.1f), TestDevices.Get(name), seed: 1);
        var result = trainer.Fit(MaskExamples.Shapes(2, 16, seed: 1), new FitOptions { Epochs = 1, Batch = 2 });
        Assert.That(result.Loss, Is.GreaterThan(0).And.LessThan(10));
    }

    private static Shape Output(ModelSummary summary) => summary.Layers[^1].OutputShape;
}
