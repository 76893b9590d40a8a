using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class TransposeCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var dtype in MoveCases.DataTypes)
            {
                yield return MoveCases.Of("last two", dtype, [2, 9, 13], x => Transpose.LastTwo(x));
                yield return MoveCases.Of("reversed", dtype, [2, 3, 4, 5], x => Transpose.Permute(x, 3, 2, 1, 0));
            }

            yield return MoveCases.Of("matrix", [33, 17], x => Transpose.LastTwo(x));
            yield return MoveCases.Of("channels last", [2, 20, 5, 7], x => Transpose.Permute(x, 0, 2, 3, 1));
            yield return MoveCases.Of("channels first", [2, 5, 7, 20], x => Transpose.Permute(x, 0, 3, 1, 2));
            yield return MoveCases.Of("three colours", [2, 3, 9, 5], x => Transpose.Permute(x, 0, 2, 3, 1));
            yield return MoveCases.Of("heads", [2, 5, 3, 8], x => Transpose.Swap(x, 1, 2));
            yield return MoveCases.Of("first and last", [4, 2, 3], x => Transpose.Swap(x, 0, -1));
            yield return MoveCases.Of("nothing", [4, 2, 3], x => Transpose.Permute(x, 0, 1, 2) * 2f);
            yield return MoveCases.Of("an axis of extent 1", [4, 1, 3], x => Transpose.Swap(x, 0, 1));
            yield return MoveCases.Of("twice", [4, 2, 3], x => Transpose.Permute(Transpose.Permute(x, 1, 2, 0), 0, 2, 1));
            yield return MoveCases.Of("and back", [4, 2, 3], x => Transpose.Permute(Transpose.Permute(x, 1, 2, 0), 2, 0, 1) * 2f);
            yield return MoveCases.Of("no elements", [4, 0, 3], x => Transpose.Permute(x, 2, 1, 0));
            yield return MoveCases.Of("a number", [], x => Transpose.Permute(x) * 2f);
            yield return MoveCases.Of("eight axes", [2, 1, 3, 2, 1, 2, 3, 2], x => Transpose.Permute(x, 7, 0, 6, 1, 5, 2, 4, 3));
            foreach (var channels in new[] { 32, 5 })
                yield return MoveCases.AfterConvolution("channels last", channels, x => Transpose.Permute(x, 0, 2, 3, 1));
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("too few axes", "permutation has 1 numbers, expected one for each axis; input is (3, 4)", b => Transpose.Permute(b.Input([3, 4]), 0)),
        new("no such axis", "axis 2 does not exist; input is (3, 4)", b => Transpose.Permute(b.Input([3, 4]), 0, 2)),
        new("an axis twice", "axis 1 is named twice; input is (3, 4)", b => Transpose.Permute(b.Input([3, 4]), 1, -1)),
        new("a vector", "axis -2 does not exist; input is (3)", b => Transpose.LastTwo(b.Input([3]))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var shape = MoveCases.RandomShape(random);
        var order = Enumerable.Range(0, shape.Rank).ToArray();
        random.Shuffle(order);
        return MoveCases.Of(string.Join(',', order), shape, x => Transpose.Permute(x, order));
    }
}

internal sealed class TransposeTests : OperatorTests<TransposeCases>
{
    [Test]
    public void Orders_that_change_nothing_in_memory_are_reshapes()
    {
        var x = new CaseBuilder(device: null).Input([4, 1, 3]);
        Assert.That(Transpose.Permute(x, 0, 1, 2), Is.SameAs(x));
        Assert.That(Transpose.Swap(x, 0, 1).Producer, Is.TypeOf<ReshapeNode>());
        Assert.That(Transpose.LastTwo(Transpose.LastTwo(Transpose.Swap(x, 0, 2))).Producer, Is.TypeOf<TransposeNode>());
        Assert.That(Transpose.Swap(Transpose.Swap(x, 0, 2), 0, 2), Is.SameAs(x));
    }
}
