using DeepNative.Layers;
using DeepNative.Models;

namespace DeepNative.Tests.Models;

/// <summary>Parameters and multiply-adds of the nets, against what their sources print or what adding up gives.</summary>
internal sealed class ParameterCountTests
{
    // Weights and biases, layer by layer; where a source prints the sum, it is named.
    private static IEnumerable<TestCaseData> Counts()
    {
        yield return Case("perceptron", 784 * 10 + 10);
        yield return Case("mlp", 784 * 256 + 256 + 256 * 10 + 10);
        yield return Case("lenet-linear", 784 * 10 + 10);
        yield return Case("lenet-300-10", 784 * 300 + 300 + 300 * 10 + 10);
        yield return Case("lenet300", 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10, 266_610);
        yield return Case("lenet1", 4 * 25 + 4 + 12 * 4 * 25 + 12 + 12 * 16 * 10 + 10);

        // 61,470 weights (lecture notes) and the biases of 6 + 16 maps and 120 + 84 + 10 units.
        yield return Case("lenet5", 61_470 + 6 + 16 + 120 + 84 + 10, 61_706);

        // The paper's section II.B, layer by layer; "about 60,000 trainable free parameters".
        yield return Case("lenet5-1998", 156 + 12 + 1_516 + 32 + 48_120 + 10_164, 60_000);
        yield return Case("mnistnet", 32 * 25 + 32 + 64 * 800 + 64 + 200 * 256 + 200 + 10 * 200 + 10, 105_506);
        foreach (var name in (string[])["cifar-quick", "cifar-quick-relu", "cifar-quick-tanh"])
            yield return Case(name, 32 * 75 + 32 + 32 * 800 + 32 + 64 * 800 + 64 + 10 * 1024 + 10, 89_578);

        // Convolutions 96 x 3 x 11^2, 256 x 96 x 5^2, ...; 62,378,344: lecture notes. In groups of two half the inputs.
        yield return Case("alexnet", AlexNet(1), 62_378_344);
        yield return Case("alexnet-grouped", AlexNet(2), 60_965_224);

        // No biases but the last ones, and two numbers for each normalised channel.
        yield return Case("bn-alexnet", AlexNet(1) + 96 + 256 + 384 + 384 + 256 + 4096 + 4096);

        // torchvision's figures for vgg11, vgg13, vgg16, vgg19; C is B and three convolutions of 1 x 1.
        yield return Case("vgg-a", 132_863_336);
        yield return Case("vgg-a-lrn", 132_863_336);
        yield return Case("vgg-b", 133_047_848);
        yield return Case("vgg-c", 133_047_848 + 256 * 256 + 256 + 2 * (512 * 512 + 512), 133_638_952);
        yield return Case("vgg-d", 138_357_544);
        yield return Case("vgg-e", 143_667_240);

        yield return Case("nin", Nin(), 7_595_176);
        yield return Case("bn-nin", Nin() + 3 * 96 + 3 * 256 + 3 * 384 + 2 * 1024);
        yield return Case("nin-cifar", 966_986);
        yield return Case("googlenet", 6_998_552);
        yield return Case("bn-inception", BnInception());
        yield return Case("inception-v3", 23_834_568);

        yield return Case("resnet18", 11_689_512);
        yield return Case("resnet34", 21_797_672);
        yield return Case("resnet50", 25_557_032);
        yield return Case("resnet101", 44_549_160);
        yield return Case("resnet152", 60_192_808);

        // Without the three projections, and with one at each of the 13 other blocks too.
        const int Projections = 64 * 128 + 2 * 128 + 128 * 256 + 2 * 256 + 256 * 512 + 2 * 512;
        yield return Case("plain34", 21_797_672 - Projections);
        yield return Case("resnet34-a", 21_797_672 - Projections);
        yield return Case("resnet34-c", 21_797_672 + 3 * (64 * 64 + 128) + 3 * (128 * 128 + 256) + 5 * (256 * 256 + 512) + 2 * (512 * 512 + 1024));
        yield return Case("plain18", 11_689_512 - Projections);

        // 6n convolutions of 16, 32 and 64 channels; He et al. print 0.27, 0.46, 0.66, 0.85 and 1.7 million.
        foreach (var (depth, stated) in ((int, int)[])[(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)])
        {
            yield return Case($"resnet{depth}-cifar", SmallResNet((depth - 2) / 6), stated);
            if (depth != 110) yield return Case($"plain{depth}-cifar", SmallResNet((depth - 2) / 6), stated);
        }

        // As resnet18 with 3 x 3 windows first and ten classes.
        yield return Case("resnet18-cifar", 11_689_512 - 64 * 3 * (49 - 9) - 990 * 513, 11_173_962);
        yield return Case("resnet9-cifar", NineLayers(64), 6_573_120);
        yield return Case("resnet9-slim-cifar", NineLayers(32));
        yield return Case("resnet34-cifar", Thin34());
        yield return Case("plain34-cifar", Thin34());

        static TestCaseData Case(string name, long counted, long? stated = null) =>
            new TestCaseData(name, counted, stated ?? counted).SetArgDisplayNames(name);

        static long AlexNet(int groups) =>
            96 * 363 + 96 + 256 * (96 / groups) * 25 + 256 + 384 * 256 * 9 + 384 + 384 * (384 / groups) * 9 + 384 + 256 * (384 / groups) * 9 + 256
            + 4096 * 9216 + 4096 + 4096 * 4096 + 4096 + 1000 * 4096 + 1000;

        static long Nin() =>
            96 * 364 + 2 * 96 * 97 + 256 * 2401 + 2 * 256 * 257 + 384 * 2305 + 2 * 384 * 385 + 1024 * 3457 + 1024 * 1025 + 1000 * 1025;

        static long SmallResNet(int n) =>
            16 * 27 + 32 + 2 * n * (16 * 144 + 32) + (16 * 32 * 9 + 64 + (2 * n - 1) * (32 * 288 + 64))
            + (32 * 64 * 9 + 128 + (2 * n - 1) * (64 * 576 + 128)) + 650;

        // The columns of the paper's figure 5 behind the inputs of each module.
        static long BnInception()
        {
            int[][] modules =
            [
                [192, 64, 64, 64, 64, 96, 32], [256, 64, 64, 96, 64, 96, 64], [320, 0, 128, 160, 64, 96, 0], [576, 224, 64, 96, 96, 128, 128],
                [576, 192, 96, 128, 96, 128, 128], [576, 160, 128, 160, 128, 160, 96], [576, 96, 128, 192, 160, 192, 96], [576, 0, 128, 192, 192, 256, 0],
                [1024, 352, 192, 320, 160, 224, 128], [1024, 352, 192, 320, 192, 224, 128],
            ];
            return Window(3, 64, 7) + Window(64, 64, 1) + Window(64, 192, 3) + 1025 * 1000
                + modules.Sum(m => Window(m[0], m[1], 1) + Window(m[0], m[2], 1) + Window(m[2], m[3], 3) + Window(m[0], m[4], 1) + Window(m[4], m[5], 3) + Window(m[5], m[5], 3) + Window(m[0], m[6], 1));
        }

        static long Window(long inputs, long outputs, long size) => inputs * outputs * size * size + 2 * outputs;

        static long NineLayers(int w) => 27 * w + 2 * w + Conv(w, 2 * w) + 2 * Conv(2 * w, 2 * w) + Conv(2 * w, 4 * w) + Conv(4 * w, 8 * w) + 2 * Conv(8 * w, 8 * w) + 80 * w;

        static long Conv(long inputs, long outputs) => 9 * inputs * outputs + 2 * outputs;

        static long Thin34() =>
            Conv(3, 16) + 6 * Conv(16, 16) + Conv(16, 32) + 7 * Conv(32, 32) + Conv(32, 64) + 11 * Conv(64, 64) + Conv(64, 128) + 5 * Conv(128, 128) + 1290;
    }

    [TestCaseSource(nameof(Counts))]
    public void Models_have_the_parameters_of_their_source(string name, long counted, long stated)
    {
        var model = ModelRegistry.Get(name);
        Assert.That(counted, Is.EqualTo(stated));
        var summary = ModelSummary.Of(model.Create(), model.InputShape);
        Assert.That(summary.Parameters, Is.EqualTo(stated));
        Assert.That(summary.Layers[^1].OutputShape, Is.EqualTo(new Shape(1, model.Classes)));
    }

    [Test]
    public void Auxiliary_heads_have_their_own_parameters()
    {
        var inception = ModelSummary.Of(ModelRegistry.Get("inception-v3").Create(), new Shape(3, 299, 299));
        Assert.That(inception.Parameters + inception.AuxiliaryParameters, Is.EqualTo(27_161_264), "torchvision's figure");
        Assert.That(InceptionV3.Create(new Shape(3, 299, 299), 1000, auxiliary: false).ParameterCount(), Is.EqualTo(23_834_568));

        // 1x1 convolutions of 512 and 528 to 128, 4 x 4 x 128 to 1024, and the classes.
        var heads = (512 + 1) * 128 + (528 + 1) * 128 + 2 * ((2048 + 1) * 1024 + 1025 * 1000);
        var googlenet = ModelSummary.Of(ModelRegistry.Get("googlenet").Create(), new Shape(3, 224, 224));
        Assert.That(googlenet.AuxiliaryParameters, Is.EqualTo(heads));
        Assert.That(GoogLeNet.Create(new Shape(3, 224, 224), 1000, auxiliary: false).ParameterCount(), Is.EqualTo(6_998_552));
    }

    // Billions of multiply-adds at the usual size.
    [TestCase("alexnet-grouped", 0.724, "Sze, Chen, Yang, Emer 2017: Efficient processing of deep neural networks, table II")]
    [TestCase("vgg-a", 7.609, "torchvision's model table (vgg11)")]
    [TestCase("vgg-b", 11.308, "torchvision's model table (vgg13)")]
    [TestCase("vgg-d", 15.47, "torchvision's model table (vgg16); Sze et al. 2017: 15.5")]
    [TestCase("vgg-e", 19.632, "torchvision's model table (vgg19)")]
    [TestCase("inception-v3", 5.713, "torchvision's model table")]
    [TestCase("resnet18", 1.814, "torchvision's model table")]
    [TestCase("resnet34", 3.664, "torchvision's model table")]
    [TestCase("resnet50", 4.089, "torchvision's model table (v1.5)")]
    [TestCase("resnet101", 7.801, "torchvision's model table (v1.5)")]
    [TestCase("resnet152", 11.514, "torchvision's model table (v1.5)")]
    [TestCase("plain34", 3.64, "3.664 of resnet34 without its projections; He et al. 2016, figure 3: 3.6")]
    [TestCase("resnet34-a", 3.64, "3.664 of resnet34 without its projections; He et al. 2016, figure 3: 3.6")]
    public void Multiply_adds_are_those_of_the_source(string name, double billions, string source)
    {
        var model = ModelRegistry.Get(name);
        var counted = ModelSummary.Of(model.Create(), model.InputShape).MultiplyAdds * 1e-9;
        Assert.That(counted, Is.EqualTo(billions).Within(1).Percent, source);
    }

    // Millions of the paper's table 1 ("ops"). It counts the first convolution as a separable one, and gives 54 for the module
    // 5a, whose columns make 51.
    [Test]
    public void Modules_of_GoogLeNet_have_the_multiply_adds_of_the_paper()
    {
        var model = ModelRegistry.Get("googlenet");
        var summary = ModelSummary.Of(model.Create(), model.InputShape);
        foreach (var (module, millions) in ((string, double)[])
            [("inception3a", 128), ("inception3b", 304), ("inception4a", 73), ("inception4b", 88), ("inception4c", 100), ("inception4d", 119),
             ("inception4e", 170), ("inception5b", 71), ("fc", 1)])
            Assert.That(Counted(module), Is.EqualTo(millions).Within(Math.Max(0.01 * millions, 0.5)), module);
        Assert.That(Counted("conv2") + Counted("conv3"), Is.EqualTo(360).Within(1).Percent);
        const double Total = 34 + 360 + 128 + 304 + 73 + 88 + 100 + 119 + 170 + 54 + 71 + 1;
        Assert.That(summary.MultiplyAdds * 1e-6 - Counted("conv1"), Is.EqualTo(Total - 34).Within(1).Percent);

        double Counted(string module) =>
            summary.Layers.Where(layer => (layer.Name + ".").StartsWith(module + ".", StringComparison.Ordinal)).Sum(layer => layer.MultiplyAdds) * 1e-6;
    }

    // The paper's own figure is for stride in the first convolution.
    [TestCase(50, 3.8)]
    [TestCase(101, 7.6)]
    [TestCase(152, 11.3)]
    public void Strides_as_in_the_paper_make_its_multiply_adds(int depth, double billions)
    {
        var model = ResNet.Create(new Shape(3, 224, 224), 1000, new ResNetOptions { Depth = depth, StrideInWindow = false });
        Assert.That(ModelSummary.Of(model, new Shape(3, 224, 224)).MultiplyAdds * 1e-9, Is.EqualTo(billions).Within(2).Percent);
    }
}
