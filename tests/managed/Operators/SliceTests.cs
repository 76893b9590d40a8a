using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class SliceCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var dtype in MoveCases.DataTypes)
            {
                yield return MoveCases.Of("inner part", dtype, [3, 5, 4], x => Slice.Range(x, [1, 1, 1], [3, 4, 3]));
                yield return MoveCases.Of("flipped columns", dtype, [3, 17], x => Slice.Flip(x, 1));
            }

            yield return MoveCases.Of("all", [3, 4], x => Slice.Range(x, [0, 0], [3, 4]) * 2f);
            yield return MoveCases.Of("rows", [6, 5], x => Slice.Along(x, 0, 2, 5));
            yield return MoveCases.Of("channels", [2, 6, 3, 5], x => Slice.Narrow(x, 1, 2, 3));
            yield return MoveCases.Of("every second", [3, 9], x => Slice.Along(x, 1, 0, 9, 2));
            yield return MoveCases.Of("every third, from 1", [2, 3, 10], x => Slice.Along(x, -1, 1, 10, 3));
            yield return MoveCases.Of("stride 2 over images", [2, 3, 7, 6], x => Slice.Range(x, [0, 0, 0, 1], [2, 3, 7, 6], [1, 1, 2, 2]));
            yield return MoveCases.Of("backwards by 2", [3, 9], x => Slice.Along(x, 1, 7, -1, -2));
            yield return MoveCases.Of("backwards over both", [5, 4], x => Slice.Range(x, [3, 3], [0, -1], [-1, -3]));
            yield return MoveCases.Of("flip all", [2, 3, 5], x => Slice.Flip(x, 0, 1, 2));
            yield return MoveCases.Of("flip extent 1", [1, 3], x => Slice.Flip(x, 0) * 2f);
            yield return MoveCases.Of("flip nothing", [0, 3], x => Slice.Flip(x, 0, 1));
            yield return MoveCases.Of("one element", [4, 4], x => Slice.Range(x, [2, 3], [3, 2], [5, -7]));
            yield return MoveCases.Of("nothing", [4, 3], x => Slice.Along(x, 0, 4, 4));
            yield return MoveCases.Of("select rows", [4, 3], x => Slice.Select(x, 0, 2));
            yield return MoveCases.Of("select columns", [2, 3, 4], x => Slice.Select(x, -1, 0));
            yield return MoveCases.Of("eight axes", [2, 1, 3, 2, 1, 2, 3, 2], x => Slice.Range(x, [0, 0, 1, 0, 0, 1, 2, 0], [2, 1, 3, 2, 1, 2, -1, 2], [1, 1, 1, 1, 1, 1, -1, 1]));
            yield return MoveCases.Of("twice", [7, 8], x => Slice.Along(Slice.Along(x, 0, 1, 6), 1, 7, 2, -2));
            yield return Sums("split", [3, 7], x =>
            {
                var parts = Slice.Split(x, 1, 2, 4, 1);
                return Slice.Along(parts[1], 1, 0, 2) * 3f + parts[0] - parts[2];
            });
            yield return Sums("split, one part used", [5, 4], x => Pointwise.Tanh(Slice.Split(x, 0, 2, 0, 3)[2]) * 0.5f);
            yield return Sums("chunks", [2, 6, 3], x =>
            {
                var parts = Slice.Chunk(x, 3, 1);
                return parts[0] * parts[1] + parts[2];
            });
            yield return MoveCases.Of("one chunk", [2, 6], x => Slice.Chunk(x, 1, 1)[0] * 2f);
            foreach (var channels in new[] { 32, 24, 5 })
            {
                yield return MoveCases.AfterConvolution("channel blocks", channels, x => Slice.Narrow(x, 1, channels / 2, channels / 2));
                yield return MoveCases.AfterConvolution("positions", channels, x => Slice.Range(x, [1, 0, 1, 4], [2, channels, 6, -1], [1, 1, 2, -1]));
            }

            yield return MoveCases.AfterConvolution("flipped channels", 16, x => Slice.Flip(x, 1));
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("no such axis", "axis 2 does not exist; input is (3, 4)", b => Slice.Along(b.Input([3, 4]), 2, 0, 1)),
        new("outside", "the range 1 to 5 of axis 1 is outside 0 to 4; input is (3, 4)", b => Slice.Along(b.Input([3, 4]), 1, 1, 5)),
        new("below 0", "the range -1 to 2 of axis 0 is outside 0 to 3", b => Slice.Along(b.Input([3, 4]), 0, -1, 2)),
        new("backwards from the extent", "the range 3 to 0 of axis 0 is outside -1 to 2", b => Slice.Along(b.Input([3, 4]), 0, 3, 0, -1)),
        new("step 0", "the step of axis 0 is 0", b => Slice.Along(b.Input([3, 4]), 0, 0, 2, 0)),
        new("too few numbers", "begin has 1 numbers, expected one for each axis; input is (3, 4)", b => Slice.Range(b.Input([3, 4]), [0], [1, 1])),
        new("too many steps", "step has 3 numbers, expected one for each axis", b => Slice.Range(b.Input([3, 4]), [0, 0], [1, 1], [1, 1, 1])),
        new("an axis twice", "axis 1 is named twice", b => Slice.Flip(b.Input([3, 4]), 1, -1)),
        new("sizes of another sum", "the sizes 1, 4 do not add up to 4, the extent of axis 1", b => Slice.Split(b.Input([3, 4]), 1, 1, 4)),
        new("a size below 0", "the sizes 5, -1 do not add up to 4", b => Slice.Split(b.Input([3, 4]), 1, 5, -1)),
        new("unequal parts", "axis 1 of extent 4 cannot be cut into 3 equal parts", b => Slice.Chunk(b.Input([3, 4]), 3, 1)),
        new("an index outside", "the range 4 to 5 of axis 1 is outside 0 to 4", b => Slice.Select(b.Input([3, 4]), 1, 4)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var shape = MoveCases.RandomShape(random);
        var begin = new long[shape.Rank];
        var end = new long[shape.Rank];
        var step = new long[shape.Rank];
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            var extent = (int)shape[axis];
            step[axis] = random.Next(1, 4) * (random.Next(2) == 0 ? 1 : -1);
            (begin[axis], end[axis]) = step[axis] > 0 ? (random.Next(extent), random.Next(extent + 1)) : (random.Next(extent), random.Next(extent + 1) - 1);
        }

        return MoveCases.Of($"{string.Join(',', begin)} to {string.Join(',', end)} by {string.Join(',', step)}", shape, x => Slice.Range(x, begin, end, step));
    }

    private static OperatorCase Sums(string name, Shape shape, Func<Value, Value> apply) => new($"{name} of {shape}", b =>
    {
        b.ReductionLength = 4;
        return apply(b.Input(shape));
    });
}

internal sealed class SliceTests : OperatorTests<SliceCases>
{
    [Test]
    public void A_slice_of_everything_is_the_value()
    {
        var x = new CaseBuilder(device: null).Input([3, 4]);
        Assert.That(Slice.Range(x, [0, 0], [3, 4], [1, 1]), Is.SameAs(x));
        Assert.That(Slice.Split(x, 1, 4)[0], Is.SameAs(x));
    }

    [Test]
    public void Ranges_of_no_length_or_wild_steps_are_empty_or_one_element()
    {
        var x = new CaseBuilder(device: null).Input([3, 4]);
        Assert.That(Slice.Along(x, 1, 3, 1).Shape, Is.EqualTo(new Shape(3, 0)));
        Assert.That(Slice.Along(x, 1, 0, 4, long.MaxValue).Shape, Is.EqualTo(new Shape(3, 1)));
        Assert.That(Slice.Along(x, 1, 3, -1, long.MinValue).Shape, Is.EqualTo(new Shape(3, 1)));
        Assert.That(() => Slice.Narrow(x, 0, 1, -1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void The_gradient_of_a_split_is_one_concatenation()
    {
        var b = new CaseBuilder(device: null);
        var x = b.Input([4, 6]);
        var parts = Slice.Chunk(x, 3, 1);
        b.Graph.Gradients(Reduce.Sum(parts[0] * parts[1] * parts[2]), [x]);
        Assert.That(b.Graph.Nodes.OfType<ConcatNode>().Count(), Is.EqualTo(1));
        Assert.That(b.Graph.Nodes.OfType<PadNode>(), Is.Empty);
    }
}
