using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class PoolingCases : IOperatorCases
{
    private static readonly (string Name, Shape X, PoolGeometry Geometry)[] _sizes =
    [
        ("2 x 2", [2, 3, 6, 8], new(2)),
        ("3 x 3", [1, 2, 9, 9], new(3)),
        ("a rest is left out", [2, 1, 7, 5], new(2)),
        ("overlapping", [2, 3, 7, 7], new(3) { Stride = 2 }),
        ("padded", [2, 3, 6, 7], new(3) { Stride = 2, Padding = 1 }),
        ("uneven", [1, 2, 6, 9], new((2, 3)) { Stride = (1, 2), PaddingBegin = (1, 0), PaddingEnd = (0, 2) }),
        ("16 channels", [2, 16, 8, 8], new(2)),
        ("17 channels", [1, 17, 5, 5], new(2)),
        ("whole input", [2, 3, 5, 4], new((5, 4))),
        ("1 x 1 with stride", [1, 2, 5, 5], new(1) { Stride = 2 }),
        ("1 x 1 image", [2, 3, 1, 1], new(1)),
        ("stride above the kernel", [2, 5, 8, 7], new(2) { Stride = 3 }),
        ("empty batch", [0, 3, 5, 5], new(3) { Stride = 2 }),
        ("one axis", [2, 3, 11], new(3) { Stride = 2, Padding = 1 }),
        ("three axes", [1, 2, 4, 6, 5], new((2, 3, 2)) { Stride = (2, 2, 1) }),
        ("more than 256 taps", [1, 1, 20, 20], new(17) { Stride = 3 }),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (name, x, geometry) in _sizes)
            {
                foreach (var kind in new[] { "max", "average", "average with padding" }) yield return Case(kind, name, x, geometry);
            }

            yield return new OperatorCase("global average", b => Sized(b, Pooling.GlobalAvgPool(b.Input([2, 5, 7, 6]))));
            yield return new OperatorCase("global average over one axis", b => Sized(b, Pooling.GlobalAvgPool(b.Input([2, 5, 7]))));
            foreach (var (name, x, geometry) in _sizes) yield return Unpool(name, x, geometry);
            yield return new OperatorCase("unpool by taps that name nothing", b =>
            {
                b.ReductionLength = 0;
                b.MayBeZero = true;
                var x = b.Input([1, 2, 2, 2]);
                var taps = b.Given(DType.UInt8, [1, 2, 2, 2], [0, 8, 3, 9, 255, 4, 2, 6]);
                return Pooling.MaxUnpool2d(x, taps, new PoolGeometry(3) { Stride = 2, Padding = 1 }, [3, 4]);
            });
            yield return new OperatorCase("ties go to the first", b =>
            {
                b.HasDerivative = false;
                b.ReductionLength = 0;
                b.MayBeZero = true;
                var x = b.Given(DType.Float32, [1, 1, 2, 4], [3, 3, 1, 2, 3, 3, 2, 2], differentiable: true);
                var y = Pooling.MaxPool2d(x, new PoolGeometry(2));
                b.Store("gradient", b.Graph.Gradients(Reduce.Sum(y * 1.5f), [x])[0]);
                return y;
            });
            yield return new OperatorCase("NaN and infinities", b =>
            {
                b.HasDerivative = false;
                b.ReductionLength = 0;
                b.MayBeZero = true;
                var inf = double.PositiveInfinity;
                var x = b.Given(DType.Float32, [1, 1, 2, 8], [double.NaN, 1, -inf, -inf, inf, 3, 5, double.NaN, 2, 7, -inf, -inf, 1, inf, double.NaN, 9]);
                var y = Pooling.MaxPool2d(x, new PoolGeometry(2));
                b.Store("gradient", b.Graph.Gradients(Reduce.Sum(y), [x])[0]);
                return y;
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("window too large", "the window (3, 3) does not fit on axis 2; input is (1, 1, 2, 5)", b => Pooling.MaxPool2d(b.Input([1, 1, 2, 5]), new PoolGeometry(3))),
        new("a window in the padding", "a window lies wholly in the padding of axis 2", b => Pooling.MaxPool2d(b.Input([1, 1, 4, 4]), new PoolGeometry(2) { Padding = 2 })),
        new("a last window in the padding", "a window lies wholly in the padding of axis 3", b => Pooling.AvgPool2d(b.Input([1, 1, 4, 4]), new PoolGeometry(2) { PaddingEnd = (0, 2) })),
        new("not an image", "input has rank 2, expected 4", b => Pooling.AvgPool2d(b.Input([3, 4]), new PoolGeometry(2))),
        new("no spatial axes", "expected (N, C, spatial...)", b => Pooling.GlobalAvgPool(b.Input([3, 4]))),
        new("stride 0", "stride is 0, expected 1 or more", b => Pooling.MaxPool2d(b.Input([1, 1, 4, 4]), new PoolGeometry(2) { Stride = 0 })),
        new("kernel 0", "kernel is 0, expected 1 or more", b => Pooling.MaxPool2d(b.Input([1, 1, 4, 4]), new PoolGeometry(0) { Stride = 1 })),
        new("taps of another type", "taps is Int32, expected UInt8", b => Pooling.MaxUnpool2d(b.Input([1, 1, 2, 2]), b.Indices(DType.Int32, [1, 1, 2, 2], 4), new PoolGeometry(2))),
        new("taps of another size", "taps is (1, 1, 2, 3), expected (1, 1, 2, 2)", b => Pooling.MaxUnpool2d(b.Input([1, 1, 2, 2]), b.Indices(DType.UInt8, [1, 1, 2, 3], 4), new PoolGeometry(2))),
        new("unpool to another size", "input is (1, 1, 2, 2), but max pooling (1, 1, 6, 4) gives (1, 1, 3, 2)", b => Pooling.MaxUnpool2d(b.Input([1, 1, 2, 2]), b.Indices(DType.UInt8, [1, 1, 2, 2], 4), new PoolGeometry(2), [6, 4])),
        new("unpool to another rank", "outputSize is (4), expected 2 extents", b => Pooling.MaxUnpool2d(b.Input([1, 1, 2, 2]), b.Indices(DType.UInt8, [1, 1, 2, 2], 4), new PoolGeometry(2), [4])),
        new("integers", "input is Int32, expected Float32", b => Pooling.MaxPool2d(b.Indices(DType.Int32, [1, 1, 4, 4], 3), new PoolGeometry(2))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var rank = random.Next(1, 4);
        int[] kernels = [.. Enumerable.Range(0, 3).Select(_ => random.Next(1, 4))];
        PerAxis kernel = rank switch { 1 => kernels[0], 2 => (kernels[0], kernels[1]), _ => (kernels[0], kernels[1], kernels[2]) };
        var geometry = new PoolGeometry(kernel) { Stride = random.Next(1, 4), PaddingBegin = random.Next(0, kernels[..rank].Min()), PaddingEnd = 0 };
        long[] spatial = [.. kernels[..rank].Select(extent => (long)extent + random.Next(0, 6))];
        var kind = random.Next(3) switch { 0 => "max", 1 => "average", _ => "average with padding" };
        return Case(kind, "random", [random.Next(1, 4), random.Next(1, 20), .. spatial], geometry);
    }

    private static OperatorCase Case(string kind, string name, Shape x, PoolGeometry geometry) => new($"{kind}, {name} {x} {geometry}", b =>
    {
        var input = b.Input(x);
        if (kind == "max") b.ReductionLength = 0;
        else Sized(b, input);
        b.MayBeZero = true;
        return kind == "max" ? Pooling.Max(input, geometry) : Pooling.Average(input, geometry, countPadding: kind != "average");
    });

    // Of max pooling's own taps, then of other values by the same taps.
    private static OperatorCase Unpool(string name, Shape x, PoolGeometry geometry) => new($"unpool, {name} {x} {geometry}", b =>
    {
        var (y, taps) = Pooling.MaxWithTaps(b.Input(x), geometry);
        Sized(b, y);
        b.MayBeZero = true;
        return Pooling.MaxUnpool(y * b.Input(y.Shape), taps, geometry, x.From(2));
    });

    private static Value Sized(CaseBuilder b, Value y)
    {
        b.ReductionLength = 9;
        b.Magnitude = 1;
        return y;
    }
}

internal sealed class PoolingTests : OperatorTests<PoolingCases>
{
    [Test]
    public void Taps_are_bytes_where_the_window_allows()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Input([1, 1, 20, 20]);
        Pooling.MaxPool2d(x, new PoolGeometry(16));
        Pooling.MaxPool2d(x, new PoolGeometry((16, 17)));
        var taps = builder.Graph.Nodes.OfType<PoolingNode>().Select(node => node.Outputs[1].DType);
        Assert.That(taps, Is.EqualTo(new[] { DType.UInt8, DType.Int32 }));
    }

    [Test]
    public void Unpooling_goes_to_the_smallest_size_unless_told()
    {
        var builder = new CaseBuilder(device: null);
        var (y, taps) = Pooling.MaxPool2dWithTaps(builder.Input([1, 2, 7, 8]), new PoolGeometry(3) { Stride = 2, Padding = (0, 1) });
        Assert.That(y.Shape, Is.EqualTo(new Shape(1, 2, 3, 4)));
        Assert.That(Pooling.MaxUnpool2d(y, taps, new PoolGeometry(3) { Stride = 2, Padding = (0, 1) }).Shape, Is.EqualTo(new Shape(1, 2, 7, 7)));
    }
}
