using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class ConvolutionCases : IOperatorCases
{
    private static readonly (string Name, Shape X, Shape Weight, bool Bias, ConvGeometry Geometry)[] _sizes =
    [
        ("plain", [2, 3, 7, 6], [4, 3, 3, 3], true, new()),
        ("one channel", [2, 1, 9, 9], [5, 1, 5, 5], true, new()),
        ("one output channel", [1, 3, 4, 4], [1, 3, 2, 2], false, new()),
        ("1 x 1", [2, 5, 4, 3], [7, 5, 1, 1], true, new()),
        ("whole input", [3, 2, 4, 5], [6, 2, 4, 5], true, new()),
        ("stride", [2, 3, 9, 8], [4, 3, 3, 3], true, new() { Stride = (2, 3) }),
        ("padding", [2, 3, 5, 5], [4, 3, 3, 3], true, new() { Padding = 1 }),
        ("uneven padding", [1, 2, 5, 6], [3, 2, 3, 4], false, new() { PaddingBegin = (0, 2), PaddingEnd = (1, 0) }),
        ("dilation", [2, 2, 9, 9], [3, 2, 3, 3], true, new() { Dilation = 2 }),
        ("stride, padding, dilation", [2, 3, 11, 9], [5, 3, 3, 2], true, new() { Stride = 2, Padding = (2, 1), Dilation = (2, 3) }),
        ("groups", [2, 6, 5, 5], [4, 3, 3, 3], true, new() { Groups = 2 }),
        ("depthwise", [2, 5, 6, 6], [5, 1, 3, 3], true, new() { Groups = 5, Padding = 1 }),
        ("depthwise with a multiplier", [1, 3, 6, 6], [6, 1, 3, 3], false, new() { Groups = 3, Stride = 2 }),
        ("sixteen channels", [1, 16, 4, 4], [32, 16, 3, 3], true, new() { Padding = 1 }),
        ("17 channels", [1, 17, 5, 5], [19, 17, 3, 3], true, new()),
        ("one axis", [2, 3, 12], [4, 3, 5], true, new() { Stride = 2, Padding = 1 }),
        ("three axes", [1, 2, 4, 5, 6], [3, 2, 2, 3, 2], true, new() { Stride = (1, 2, 1), Padding = (1, 0, 1) }),
        ("stride leaves a rest", [1, 2, 8, 8], [2, 2, 3, 3], true, new() { Stride = 3 }),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (name, x, weight, bias, geometry) in _sizes) yield return Case(name, x, weight, bias, geometry);
            yield return new OperatorCase("then relu", b => Sized(b, Activations.Relu(Convolution.Conv2d(b.Input([2, 3, 6, 6]), b.Input([4, 3, 3, 3]), b.Input([4])))));
            yield return new OperatorCase("then plus a residual and relu", b =>
                Sized(b, Activations.Relu(Convolution.Conv2d(b.Input([2, 3, 6, 6]), b.Input([3, 3, 3, 3]), b.Input([3]), new ConvGeometry { Padding = 1 }) + b.Input([2, 3, 6, 6]))));
            yield return new OperatorCase("then max pooling and relu", b =>
            {
                b.DerivativeOrder = 1;
                var y = Convolution.Conv2d(b.Input([4, 1, 12, 12]), b.Input([8, 1, 5, 5]), b.Input([8]));
                return Sized(b, Activations.Relu(Pooling.MaxPool2d(y, new PoolGeometry(2))));
            });
            yield return new OperatorCase("transposed", b => Sized(b, Convolution.Transposed(b.Input([2, 3, 4, 5]), b.Input([3, 4, 3, 3]), b.Input([4]))));
            yield return new OperatorCase("transposed with stride", b =>
                Sized(b, Convolution.Transposed(b.Input([2, 4, 3, 3]), b.Input([4, 2, 3, 3]), b.Input([4]), new ConvGeometry { Stride = 2, Padding = 1, Groups = 2 }, outputPadding: 1)));
            yield return new OperatorCase("transposed over one axis", b => Sized(b, Convolution.Transposed(b.Input([2, 3, 5]), b.Input([3, 2, 4]), null, new ConvGeometry { Stride = 3, Dilation = 2 })));
            yield return new OperatorCase("weight frozen", b => Sized(b, Convolution.Conv2d(b.Input([2, 3, 5, 5]), b.Input([4, 3, 3, 3], differentiable: false), b.Input([4]))));
            yield return new OperatorCase("input without gradient", b => Sized(b, Convolution.Conv2d(b.Input([2, 3, 5, 5], differentiable: false), b.Input([4, 3, 3, 3]), b.Input([4]))));
            yield return new OperatorCase("gradient of a gradient", b =>
            {
                var (x, weight) = (b.Input([1, 2, 5, 5]), b.Input([3, 2, 3, 3]));
                var y = Convolution.Conv2d(x, weight, b.Input([3]), new ConvGeometry { Stride = 2 });
                var gradients = b.Graph.Gradients(Reduce.Sum(y * y), [x, weight]);
                return Sized(b, Reduce.Sum(gradients[0] * gradients[0]) + Reduce.Sum(gradients[1] * gradients[1]));
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("channels differ", "input has 3 channels, expected 32; input is (100, 3, 8, 8), weight (64, 32, 5, 5)", b => Convolution.Conv2d(b.Input([100, 3, 8, 8]), b.Input([64, 32, 5, 5]))),
        new("channels differ with groups", "input has 4 channels, expected 6", b => Convolution.Conv2d(b.Input([1, 4, 8, 8]), b.Input([4, 3, 3, 3]), null, new ConvGeometry { Groups = 2 })),
        new("groups do not divide", "5 channels are not a multiple of 2 groups", b => Convolution.Conv2d(b.Input([1, 4, 8, 8]), b.Input([5, 2, 3, 3]), null, new ConvGeometry { Groups = 2 })),
        new("no groups", "groups is 0", b => Convolution.Conv2d(b.Input([1, 4, 8, 8]), b.Input([5, 4, 3, 3]), null, new ConvGeometry { Groups = 0 })),
        new("window too large", "the window does not fit on axis 3", b => Convolution.Conv2d(b.Input([1, 1, 5, 4]), b.Input([1, 1, 5, 5]))),
        new("not an image", "input has rank 3, expected 4; input is (1, 5, 4)", b => Convolution.Conv2d(b.Input([1, 5, 4]), b.Input([1, 1, 5, 5]))),
        new("weight of another rank", "weight has rank 3, expected 4", b => Convolution.Apply(b.Input([1, 1, 5, 4]), b.Input([1, 1, 5]))),
        new("four spatial axes", "expected (N, C, spatial...) with one to three spatial axes", b => Convolution.Apply(b.Input([1, 1, 2, 2, 2, 2]), b.Input([1, 1, 1, 1, 1, 1]))),
        new("bias of another length", "bias is (3), expected (4)", b => Convolution.Conv2d(b.Input([1, 2, 5, 5]), b.Input([4, 2, 3, 3]), b.Input([3]))),
        new("stride 0", "stride is 0, expected 1 or more", b => Convolution.Conv2d(b.Input([1, 2, 5, 5]), b.Input([4, 2, 3, 3]), null, new ConvGeometry { Stride = 0 })),
        new("padding below 0", "padding is (-1, 0), expected 0 or more", b => Convolution.Conv2d(b.Input([1, 2, 5, 5]), b.Input([4, 2, 3, 3]), null, new ConvGeometry { PaddingBegin = (-1, 0) })),
        new("three strides for two axes", "stride is (1, 1, 1), expected one number or 2", b => Convolution.Conv2d(b.Input([1, 2, 5, 5]), b.Input([4, 2, 3, 3]), null, new ConvGeometry { Stride = (1, 1, 1) })),
        new("transposed channels differ", "input has 4 channels, expected 3", b => Convolution.Transposed(b.Input([1, 4, 5, 5]), b.Input([3, 2, 3, 3]))),
        new("output padding too large", "outputPadding is 2, expected below the stride (2, 2)", b => Convolution.Transposed(b.Input([1, 3, 5, 5]), b.Input([3, 2, 3, 3]), null, new ConvGeometry { Stride = 2 }, outputPadding: 2)),
        new("integers", "input is UInt8, expected Float32", b => Convolution.Conv2d(b.Indices(DType.UInt8, [1, 2, 5, 5], 9), b.Input([4, 2, 3, 3]))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var rank = random.Next(1, 4);
        var groups = random.Next(1, 4);
        var geometry = new ConvGeometry { Stride = random.Next(1, 4), PaddingBegin = random.Next(0, 3), PaddingEnd = random.Next(0, 3), Dilation = random.Next(1, 3), Groups = groups };
        var (channels, filters) = (random.Next(1, 4), random.Next(1, 4) * groups);
        long[] kernel = [.. Enumerable.Range(0, rank).Select(_ => (long)random.Next(1, 4))];
        long[] spatial = [.. kernel.Select(extent => random.Next(1, 8 - 2 * rank) + geometry.Dilation[0] * (extent - 1))];
        Shape x = [random.Next(1, 3), channels * groups, .. spatial];
        Shape weight = [filters, channels, .. kernel];
        return Case($"random, stride {geometry.Stride}, padding {geometry.PaddingBegin} {geometry.PaddingEnd}, dilation {geometry.Dilation}, groups {groups}", x, weight, random.Next(2) == 0, geometry);
    }

    // Channels and a kernel for which the CPU filters by Winograd's method: tiles of 4 x 4 outputs, whole and cut off.
    internal static IEnumerable<OperatorCase> Wide =>
    [
        WideCase([12, 64, 8, 8], 64, true, new() { Padding = 1 }),
        WideCase([48, 80, 5, 3], 96, false, new()),
        WideCase([48, 64, 3, 3], 128, true, new()),
        WideCase([48, 64, 4, 3], 64, true, new() { PaddingBegin = (0, 1), PaddingEnd = (1, 0) }),
        WideCase([24, 64, 4, 7], 80, true, new() { Padding = (1, 0) }),
    ];

    private static OperatorCase WideCase(Shape x, long filters, bool bias, ConvGeometry geometry) => new($"wide {x} to {filters}", b =>
    {
        var y = Sized(b, Convolution.Conv2d(b.Input(x), b.Input([filters, x[1], 3, 3]), bias ? b.Input([filters]) : null, geometry));
        b.ReductionLength = x[1] * 9;
        return Activations.Relu(y);
    });

    private static OperatorCase Case(string name, Shape x, Shape weight, bool bias, ConvGeometry geometry) =>
        new($"{name} {x} {weight}", b => Sized(b, Convolution.Apply(b.Input(x), b.Input(weight), bias ? b.Input([weight[0]]) : null, geometry)));

    // Gradients of the weight add up the whole batch.
    private static Value Sized(CaseBuilder b, Value y)
    {
        b.ReductionLength = 64;
        b.Magnitude = 1;
        b.MayBeZero = true;
        return y;
    }
}

internal sealed class ConvolutionTests : OperatorTests<ConvolutionCases>
{
    [Test]
    public void The_gradient_of_an_input_that_nobody_needs_is_not_computed()
    {
        var builder = new CaseBuilder(device: null);
        var weight = builder.Input([4, 1, 3, 3]);
        var y = Convolution.Conv2d(builder.Input([2, 1, 8, 8]), weight, builder.Input([4]));
        builder.Graph.Gradients(Reduce.Sum(y), [weight]);
        Assert.That(builder.Graph.Nodes.OfType<ConvolutionDataNode>(), Is.Empty);
    }

    [TestCaseSource(typeof(ConvolutionCases), nameof(ConvolutionCases.Wide))]
    public void Wide_convolutions_equal_the_reference(OperatorCase test) => OperatorChecks.OnDevice(test, TestDevice.Cpu);

    [Test]
    public void Wide_convolutions_are_filtered_by_Winograd()
    {
        if (!TestDevice.Cpu.Info.Detail.Contains("avx512") || !TestDevice.Cpu.Info.Detail.Contains("oneDNN 2."))
            Assert.Ignore("oneDNN filters so with AVX-512 only, and no more from version 3 on");
        var builder = new CaseBuilder(TestDevice.Cpu);
        var (x, weight) = (builder.Input([12, 64, 8, 8]), builder.Input([64, 64, 3, 3]));
        var y = Convolution.Conv2d(x, weight, null, new ConvGeometry { Padding = 1 });
        builder.Store("y", y);
        foreach (var (gradient, name) in builder.Graph.Gradients(Reduce.Sum(y * y), [x, weight]).Zip(["grad_x", "grad_weight"])) builder.Store(name, gradient);
        using var program = builder.Graph.Compile(TestDevice.Cpu);
        var kernels = program.Report().Entries.Where(entry => entry.Kind == "Convolution").Select(entry => entry.Kernel);
        Assert.That(kernels, Is.EqualTo(Enumerable.Repeat("onednn:convolution_winograd", 3)));
    }
}
