using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

/// <summary>Repetitions, shuffles and reshapes: compositions of operators that move data.</summary>
internal sealed class RearrangementCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases =>
    [
        Sums("tile rows", [2, 3], x => Repeat.Tile(x, 0, 3)),
        Sums("tile columns", [2, 3], x => Repeat.Tile(x, -1, 2)),
        Sums("tile once", [2, 3], x => Repeat.Tile(x, 1, 1) * 2f),
        Sums("tile never", [2, 3], x => Repeat.Tile(x, 1, 0)),
        Sums("repeat rows", [2, 3], x => Repeat.Elements(x, 0, 3)),
        Sums("repeat columns", [2, 3, 1], x => Repeat.Elements(x, 1, 2)),
        Sums("expand", [3, 1], x => Pointwise.Expand(x, [2, 3, 4])),
        Sums("expand a number", [], x => Pointwise.Expand(x, [5])),
        Sums("expand to nothing", [1, 3], x => Pointwise.Expand(x, [0, 3])),
        Sums("expand a sum", [3, 4], x => Pointwise.Expand(Reduce.Sum(Pointwise.Tanh(x), [1], keepDims: true), [3, 4]) * x),
        MoveCases.Of("expand integers", DType.Int32, [3, 1], x => Pointwise.Expand(x, [3, 4])),
        MoveCases.Of("pixel shuffle", [2, 12, 3, 4], x => Shuffle.PixelsFromChannels(x, 2)),
        MoveCases.Of("pixel shuffle by 3", [1, 9, 1, 2], x => Shuffle.PixelsFromChannels(x, 3)),
        MoveCases.Of("pixel shuffle by 1", [1, 2, 2, 2], x => Shuffle.PixelsFromChannels(x, 1)),
        MoveCases.Of("pixel unshuffle", [2, 3, 6, 4], x => Shuffle.ChannelsFromPixels(x, 2)),
        MoveCases.Of("there and back", [2, 3, 6, 9], x => Shuffle.PixelsFromChannels(Shuffle.ChannelsFromPixels(x, 3), 3)),
        MoveCases.Of("channel shuffle", [2, 6, 3, 2], x => Shuffle.Channels(x, 3)),
        MoveCases.Of("channel shuffle of vectors", [4, 6], x => Shuffle.Channels(x, 2)),
        MoveCases.AfterConvolution("channel shuffle", 32, x => Shuffle.Channels(x, 4)),
        MoveCases.Of("unflatten", [2, 6, 3], x => Reshape.Unflatten(x, 1, [2, 3]) * 2f),
        MoveCases.Of("squeeze", [2, 1, 3], x => Reshape.Squeeze(x, 1) * 2f),
        MoveCases.Of("unsqueeze", [2, 3], x => Reshape.Unsqueeze(x, -1) * 2f),
    ];

    public static IEnumerable<BadCase> BadCases =>
    [
        new("expand to fewer", "input is (2, 3), which does not broadcast to (3)", b => Pointwise.Expand(b.Input([2, 3]), [3])),
        new("expand to other", "input is (2, 3), which does not broadcast to (2, 4)", b => Pointwise.Expand(b.Input([2, 3]), [2, 4])),
        new("tile no axis", "axis 2 does not exist; input is (2, 3)", b => Repeat.Tile(b.Input([2, 3]), 2, 2)),
        new("repeat eight axes", "input has rank 8, expected 7 or less", b => Repeat.Elements(b.Input([1, 1, 1, 1, 1, 1, 1, 2]), 2, 2)),
        new("pixel shuffle of odd channels", "input has 6 channels, expected a multiple of 4; input is (1, 6, 2, 2)", b => Shuffle.PixelsFromChannels(b.Input([1, 6, 2, 2]), 2)),
        new("pixel shuffle of a matrix", "input has rank 2, expected 4", b => Shuffle.PixelsFromChannels(b.Input([4, 4]), 2)),
        new("pixel unshuffle of odd sizes", "height and width are 5 and 4, expected multiples of 2", b => Shuffle.ChannelsFromPixels(b.Input([1, 1, 5, 4]), 2)),
        new("channel shuffle of odd groups", "input is (1, 6, 2), expected (N, C, ...) with C a multiple of 4", b => Shuffle.Channels(b.Input([1, 6, 2]), 4)),
        new("unflatten another count", "(2, 2) has 4 elements, axis 1 of the input (2, 6) has 6", b => Reshape.Unflatten(b.Input([2, 6]), 1, [2, 2])),
        new("squeeze a long axis", "axis 1 has extent 6, expected 1; input is (2, 6)", b => Reshape.Squeeze(b.Input([2, 6]), 1)),
        new("unsqueeze eight axes", "input has rank 8, expected 7 or less", b => Reshape.Unsqueeze(b.Input([1, 1, 1, 1, 1, 1, 1, 2]), 0)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var shape = MoveCases.RandomShape(random);
        var (axis, times) = (random.Next(shape.Rank), random.Next(1, 4));
        return random.Next(2) == 0
            ? Sums($"tile axis {axis}, {times} times", shape, x => Repeat.Tile(x, axis, times))
            : Sums($"repeat axis {axis}, {times} times", shape, x => Repeat.Elements(x, axis, times));
    }

    private static OperatorCase Sums(string name, Shape shape, Func<Value, Value> apply) => new($"{name} of {shape}", b =>
    {
        b.ReductionLength = 16;
        b.MayBeZero = true;
        return apply(b.Input(shape));
    });
}

internal sealed class RearrangementTests : OperatorTests<RearrangementCases>
{
    [Test]
    public void Copies_stand_in_the_order_that_the_names_say()
    {
        Assert.That(Numbers([3], x => Repeat.Tile(x, 0, 2)), Is.EqualTo(new double[] { 0, 1, 2, 0, 1, 2 }));
        Assert.That(Numbers([3], x => Repeat.Elements(x, 0, 2)), Is.EqualTo(new double[] { 0, 0, 1, 1, 2, 2 }));
        Assert.That(Numbers([1, 6], x => Shuffle.Channels(x, 2)), Is.EqualTo(new double[] { 0, 3, 1, 4, 2, 5 }));
        Assert.That(Numbers([1, 4, 1, 2], x => Shuffle.PixelsFromChannels(x, 2)), Is.EqualTo(new double[] { 0, 2, 1, 3, 4, 6, 5, 7 }));
    }

    private static double[] Numbers(Shape shape, Func<Value, Value> apply)
    {
        var b = new CaseBuilder(device: null);
        var numbers = Enumerable.Range(0, (int)shape.Count).Select(i => (double)i).ToArray();
        b.Store("y", apply(b.Given(DType.Float32, shape, numbers)));
        return OperatorChecks.Run(b.Graph.Nodes, b)["y"];
    }
}
