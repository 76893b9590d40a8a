using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class ConcatCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var dtype in MoveCases.DataTypes)
                yield return MoveCases.Of("with its own half", dtype, [2, 6, 3], x => Concat.Along(1, x, Slice.Narrow(x, 1, 3, 3)));
            yield return Joined(0, [2, 3], [1, 3], [4, 3]);
            yield return Joined(1, [2, 3], [2, 1], [2, 5]);
            yield return Joined(-1, [2, 3, 2], [2, 3, 4]);
            yield return Joined(1, [2, 3, 4, 5], [2, 1, 4, 5], [2, 2, 4, 5]);
            yield return Joined(1, [1, 64, 7, 7], [1, 48, 7, 7]);
            yield return Joined(0, [3], [0], [2]);
            yield return Joined(1, [0, 3], [0, 2]);
            yield return Joined(1, [2, 0, 3], [2, 0, 3]);
            yield return Joined(1, [.. Enumerable.Range(1, 20).Select(i => new Shape(2, i % 3))]);
            yield return new OperatorCase("one value", b => Exact(b, Concat.Along(0, b.Input([2, 3])) * 2f));
            yield return new OperatorCase("one value twice", b =>
            {
                var x = b.Input([2, 3]);
                return Sums(b, Concat.Along(1, x, b.Input([2, 1]), x));
            });
            foreach (var axis in new[] { 0, 1, 2, -1 })
                yield return new OperatorCase($"stack at {axis}", b => Exact(b, Concat.Stack(axis, b.Input([2, 3]), b.Input([2, 3]), b.Input([2, 3]))));
            yield return new OperatorCase("stack numbers", b => Exact(b, Concat.Stack(0, b.Input([]), b.Input([]))));
            foreach (var (one, other) in new[] { (32, 16), (24, 8), (5, 3), (16, 1) })
            {
                foreach (var axis in new[] { 0, 1, 2 })
                {
                    yield return new OperatorCase($"convolutions of {one} and {other} channels along {axis}", b =>
                    {
                        b.ReductionLength = 4 * 27;
                        return Concat.Along(axis, MoveCases.Convolved(b, one), MoveCases.Convolved(b, axis == 1 ? other : one));
                    });
                }
            }
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("no such axis", "axis 2 does not exist; input is (3, 4)", b => Concat.Along(2, b.Input([3, 4]), b.Input([3, 4]))),
        new("other shapes", "input 1 is (2, 4) and input 0 is (3, 4): they may differ only along axis 1", b => Concat.Along(1, b.Input([3, 4]), b.Input([2, 4]))),
        new("other ranks", "input 1 is (3, 4, 1) and input 0 is (3, 4): they may differ only along axis 1", b => Concat.Along(1, b.Input([3, 4]), b.Input([3, 4, 1]))),
        new("other types", "input 1 is Int32, expected Float32", b => Concat.Along(0, b.Input([3, 4]), b.Indices(DType.Int32, [3, 4], 5))),
        new("a stack of other shapes", "input 1 is (4), expected (3)", b => Concat.Stack(0, b.Input([3]), b.Input([4]))),
        new("a stack beside", "axis 2 does not exist", b => Concat.Stack(2, b.Input([3]), b.Input([3]))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var shape = MoveCases.RandomShape(random);
        var axis = random.Next(shape.Rank);
        return Joined(axis, [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => shape.With(axis, random.Next(0, 5)))]);
    }

    private static OperatorCase Joined(int axis, params Shape[] shapes) =>
        new($"{string.Join(' ', shapes.Take(3))} along {axis}", b => Exact(b, Concat.Along(axis, Array.ConvertAll(shapes, shape => b.Input(shape)))));

    private static Value Exact(CaseBuilder b, Value y)
    {
        b.ReductionLength = 0;
        b.MayBeZero = true;
        return y;
    }

    private static Value Sums(CaseBuilder b, Value y)
    {
        b.ReductionLength = 4;
        return y;
    }
}

internal sealed class ConcatTests : OperatorTests<ConcatCases>
{
    [Test]
    public void Nothing_cannot_be_joined() => Assert.That(() => Concat.Along(0), Throws.ArgumentException);
}
