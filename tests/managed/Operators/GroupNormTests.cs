using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class GroupNormCases : IOperatorCases
{
    // Shape and groups: layer and instance norm, one element a group, no multiple of 16, many channels.
    private static readonly (Shape Shape, int Groups)[] _shapes =
    [
        ([3, 6], 2), ([2, 6, 5], 3), ([2, 4, 3, 5], 4), ([1, 17, 2, 2], 1), ([4, 1, 7], 1), ([2, 32, 3, 3], 4),
        ([2, 48, 1, 5], 2), ([3, 33], 11), ([2, 2, 2, 3, 2], 1), ([2, 3, 40], 3), ([2, 20, 3], 5),
    ];

    private static readonly (Shape Shape, Shape Normalized)[] _layers =
        [([4, 7], [7]), ([2, 3, 5], [5]), ([2, 3, 5], [3, 5]), ([2, 70], [70]), ([1, 300], [300]), ([6], [6]), ([2, 2, 1, 3], [1, 3]), ([40, 3], [3])];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (shape, groups) in _shapes)
            {
                yield return Group(shape, groups, affine: true);
                yield return Group(shape, groups, affine: false);
            }

            foreach (var (shape, normalized) in _layers)
            {
                yield return Layer(shape, normalized, affine: true);
                yield return Layer(shape, normalized, affine: false);
            }

            yield return Group([0, 4, 3], 2, affine: true);
            yield return Layer([0, 4], [4], affine: true);
            yield return new OperatorCase("a weight but no bias", b =>
            {
                Size(b, 12);
                return GroupNorm.Apply(b.Input([3, 4, 6]), 2, b.Input([4], 0.5, 2));
            });
            yield return new OperatorCase("a bias but no weight", b =>
            {
                Size(b, 5);
                return GroupNorm.Layer(b.Input([3, 5]), [5], bias: b.Input([5]));
            });
            yield return new OperatorCase("far from zero", b =>
            {
                // A difference of sums would lose the variance.
                Size(b, 64);
                b.HasDerivative = false;
                b.ReductionLength = 64 * 1000;
                return GroupNorm.Apply(b.Input([2, 8, 16], 999, 1001), 2);
            });

            // Channels in blocks: groups of several blocks, of parts of one, across blocks, of one channel.
            foreach (var (channels, groups) in new[] { (32, 1), (32, 4), (48, 16), (32, 32) })
            {
                yield return new OperatorCase($"{groups} groups of {channels} channels after a convolution", b =>
                {
                    b.DerivativeOrder = 1;
                    Size(b, channels / groups * 16 * 27);
                    var x = Convolution.Conv2d(b.Input([2, 3, 4, 4]), b.Input([channels, 3, 3, 3]), geometry: new ConvGeometry { Padding = 1 });
                    return Activations.Relu(GroupNorm.Apply(x, groups, b.Input([channels], 0.5, 2), b.Input([channels])));
                });
            }
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("groups do not divide", "input has 5 channels, expected a multiple of 2 groups; input is (2, 5, 3)", b => GroupNorm.Apply(b.Input([2, 5, 3]), 2)),
        new("a vector", "input has rank 1, expected (N, C, ...)", b => GroupNorm.Apply(b.Input([4]), 2)),
        new("weight of another shape", "weight is (3), expected (4)", b => GroupNorm.Apply(b.Input([2, 4]), 2, b.Input([3]))),
        new("bias of another type", "bias is Int32, expected Float32", b => GroupNorm.Apply(b.Input([2, 4]), 2, b.Input([4]), b.Indices(DType.Int32, [4], 2))),
        new("input of another type", "input is Int32, expected Float32", b => GroupNorm.Apply(b.Indices(DType.Int32, [2, 4], 2), 2)),
        new("no positions", "there is nothing to normalise; input is (2, 4, 0)", b => GroupNorm.Apply(b.Input([2, 4, 0]), 2)),
        new("another normalised shape", "input is (2, 3, 5), expected a shape that ends with (3, 4)", b => GroupNorm.Layer(b.Input([2, 3, 5]), [3, 4])),
        new("a longer normalised shape", "expected a shape that ends with (2, 3)", b => GroupNorm.Layer(b.Input([3]), [2, 3])),
        new("weight of the flat shape", "weight is (15), expected (3, 5)", b => GroupNorm.Layer(b.Input([2, 3, 5]), [3, 5], b.Input([15]))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var groups = random.Next(1, 6);
        Shape shape = [random.Next(1, 4), groups * random.Next(1, 9), .. Enumerable.Range(0, random.Next(0, 3)).Select(_ => (long)random.Next(2, 6))];

        // Two elements nearly alike would make all that divides by their deviation uncertain.
        return shape.Count / shape[0] / groups < 6 ? Layer([3, 20], [20], affine: true) : Group(shape, groups, random.Next(2) == 0);
    }

    private static OperatorCase Group(Shape shape, int groups, bool affine) => new($"{groups} groups of {shape}{(affine ? ", affine" : "")}", b =>
    {
        Size(b, shape.From(1).Count / groups);
        Shape channels = [shape[1]];
        var x = b.Given(DType.Float32, shape, Spread(shape));
        return affine ? GroupNorm.Apply(x, groups, b.Input(channels, 0.5, 2), b.Input(channels)) : GroupNorm.Apply(x, groups);
    });

    private static OperatorCase Layer(Shape shape, Shape normalized, bool affine) => new($"layer {normalized} of {shape}{(affine ? ", affine" : "")}", b =>
    {
        Size(b, normalized.Count);
        var x = b.Given(DType.Float32, shape, Spread(shape));
        return affine ? GroupNorm.Layer(x, normalized, b.Input(normalized, 0.5, 2), b.Input(normalized)) : GroupNorm.Layer(x, normalized);
    });

    // Between -2 and 3, neighbours far apart: groups of two or three elements have a variance.
    private static double[] Spread(Shape shape) =>
        [.. Enumerable.Range(0, (int)shape.Count).Select(i => (double)(float)(5 * (i * 0.618034 % 1) - 2))];

    private static void Size(CaseBuilder b, long count)
    {
        b.ReductionLength = count;
        b.Magnitude = 4;
        b.MayBeZero = count == 1;
    }
}

internal sealed class GroupNormTests : OperatorTests<GroupNormCases>
{
    [Test]
    public void Attributes_outside_their_range_are_refused()
    {
        var b = new CaseBuilder(device: null);
        Assert.That(() => GroupNorm.Apply(b.Input([2, 4]), 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => GroupNorm.Apply(b.Input([2, 4]), 2, epsilon: 0), Throws.TypeOf<ArgumentOutOfRangeException>());
    }
}
