using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

/// <summary>Operators with data of 16 bits, and their derivatives, against the float64 loops on every device.</summary>
internal sealed class MixedPrecisionOperatorTests
{
    private static readonly Precision[] _short = [Precision.BFloat16, Precision.Float16];

    private static IEnumerable<string> Devices => TestDevices.Names;

    private static OperatorCase[] Cases() =>
    [
        Conv("16 to 16 channels", 4, 16, 16, 3, new ConvGeometry { PaddingBegin = 1, PaddingEnd = 1 }),
        Conv("5 to 7 channels", 3, 5, 7, 3, new ConvGeometry()),
        Conv("16 to 32 channels, stride 2", 8, 16, 32, 3, new ConvGeometry { Stride = 2, PaddingBegin = 1, PaddingEnd = 1 }),
        Conv("32 to 16 channels, stride 2, a batch of 3", 3, 32, 16, 3, new ConvGeometry { Stride = 2, PaddingBegin = 1, PaddingEnd = 1 }),
        Conv("1x1, stride 2", 4, 16, 32, 1, new ConvGeometry { Stride = 2 }),
        Conv("two groups", 2, 32, 32, 3, new ConvGeometry { Groups = 2 }),
        Conv("depthwise", 2, 16, 16, 3, new ConvGeometry { Groups = 16 }),
        Conv("dilated", 2, 16, 16, 3, new ConvGeometry { Dilation = 2 }),
        Product("product", [5, 40], [40, 7], false, false),
        Product("product, b transposed", [33, 64], [17, 64], false, true),
        Product("batch", [3, 4, 20], [3, 20, 6], false, false),
        new("batch norm", b =>
        {
            b.ReductionLength = 16 * 16;
            var x = Convolution.Conv2d(b.Input([4, 16, 6, 6]), b.Input([16, 16, 1, 1]));
            var (mean, variance) = (b.Given(DType.Float32, [16], new double[16], differentiable: false), b.Given(DType.Float32, [16], new double[16], differentiable: false));
            var y = BatchNorm.Training(x, b.Input([16], 0.5, 1.5), b.Input([16]), mean, variance);
            return Convolution.Conv2d(y, b.Input([16, 16, 1, 1]));
        }),

        // Rounding moves maxima, and with them their gradients.
        Between("max pooling", 16, x => Pooling.MaxPool2d(x, new PoolGeometry(2)), hasDerivative: false),
        Between("max pooling, 5 channels", 5, x => Pooling.MaxPool2d(x, new PoolGeometry(3) { Stride = 2 }), hasDerivative: false),
        Between("average pooling", 16, x => Pooling.AvgPool2d(x, new PoolGeometry(2))),
        Between("global average", 16, Pooling.GlobalAvgPool),
        Between("sigmoid and sum", 16, x => Pointwise.Sigmoid(x) + x),
        Between("concatenation of parts", 16, x => Concat.Along(1, Slice.Narrow(x, 1, 0, 5), x)),
        Between("padding", 16, x => Pad.Constant(x, [0, 0, 1, 1], [0, 0, 1, 1])),
        Between("turned", 5, x => Transpose.Permute(x, 0, 1, 3, 2)),
    ];

    [Test]
    public void Results_and_gradients_are_the_formulas(
        [ValueSource(nameof(Devices))] string device, [ValueSource(nameof(_short))] Precision precision, [ValueSource(nameof(Cases))] OperatorCase test) =>
        OperatorChecks.OnDevice(test, TestDevices.Get(device), precision: precision);

    private static OperatorCase Conv(string name, long batch, long from, long to, long kernel, ConvGeometry geometry) =>
        new(name, b =>
        {
            b.ReductionLength = from / geometry.Groups * kernel * kernel;
            var (x, w, bias) = (b.Input([batch, from, 6, 6]), b.Input([to, from / geometry.Groups, kernel, kernel]), b.Input([to]));
            return Convolution.Conv2d(x, w, bias, geometry);
        });

    private static OperatorCase Product(string name, Shape left, Shape right, bool transposeA, bool transposeB) =>
        new(name, b =>
        {
            b.ReductionLength = left[left.Rank - 1];
            return MatMul.Multiply(b.Input(left), b.Input(right), transposeA, transposeB);
        });

    // Between two 1x1 convolutions, so that its data has 16 bits on both sides.
    private static OperatorCase Between(string name, long channels, Func<Value, Value> use, bool hasDerivative = true) =>
        new(name, b =>
        {
            (b.ReductionLength, b.HasDerivative) = (16 * channels, hasDerivative);
            var y = use(Convolution.Conv2d(b.Input([4, 16, 6, 6]), b.Input([channels, 16, 1, 1])));
            return Convolution.Conv2d(y, b.Input([16, y.Shape[1], 1, 1]));
        });
}
