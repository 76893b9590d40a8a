using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class ReduceCases : IOperatorCases
{
    private static readonly (Shape Shape, int[] Axes)[] _shapes =
    [
        ([3, 5], []),
        ([3, 5], [0]),
        ([3, 5], [1]),
        ([2, 3, 4, 5], [0, 2, 3]),
        ([2, 3, 4, 5], [1, 2]),
        ([7], [0]),
        ([1, 1], [0]),
        ([4, 1, 3], [1]),
        ([37, 41], [0]),
        ([3, 100], [1]),
        ([2, 300], [1]),
        ([2, 19, 21], [1]),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (shape, axes) in _shapes)
            {
                foreach (var keep in new[] { false, true })
                {
                    yield return Case("sum", (x, a, k) => Reduce.Sum(x, a, k), shape, axes, keep);
                    yield return Case("mean", (x, a, k) => Reduce.Mean(x, a, k), shape, axes, keep);
                    yield return Case("max", (x, a, k) => Reduce.Max(x, a, k), shape, axes, keep);
                }

                if (axes.Length == 1) yield return ArgMaxOf(shape, axes[0]);
            }

            yield return new OperatorCase("sum of nothing", b =>
            {
                b.MayBeZero = true;
                b.HasDerivative = false;
                return Reduce.Sum(b.Input([3, 0]), [1]);
            });
            yield return new OperatorCase("argmax with ties", b =>
            {
                b.ReductionLength = 0;
                b.HasDerivative = false;
                return Reduce.ArgMax(b.Given(DType.Float32, [3, 4], [1, 3, 3, 2, 5, 5, 5, 5, -1, -2, 0, 0]), 1, keepDims: true);
            });
            yield return new OperatorCase("NaN wins", b =>
            {
                b.ReductionLength = 0;
                b.HasDerivative = false;
                return Reduce.Max(b.Given(DType.Float32, [2, 3], [1, double.NaN, 5, double.NegativeInfinity, 2, double.PositiveInfinity]), [1]);
            });
            yield return new OperatorCase("NaN wins in each row of a column", b =>
            {
                b.ReductionLength = 0;
                b.HasDerivative = false;
                return Reduce.Max(b.Given(DType.Float32, [20, 20], [.. Enumerable.Range(0, 400).Select(i => i % 21 == 0 ? double.NaN : i % 7)]), [0]);
            });
            yield return new OperatorCase("the first NaN wins argmax", b =>
            {
                b.ReductionLength = 0;
                b.HasDerivative = false;
                return Reduce.ArgMax(b.Given(DType.Float32, [2, 4], [1, double.NaN, 5, double.NaN, -1, -1, 3, 3]), 1);
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("no such axis", "axis 2 does not exist; input is (3, 4)", b => Reduce.Sum(b.Input([3, 4]), [2])),
        new("a negative axis", "axis -1 does not exist", b => Reduce.Mean(b.Input([3, 4]), [-1])),
        new("an axis twice", "axis 1 is named twice", b => Reduce.Max(b.Input([3, 4]), [1, 1])),
        new("nothing to compare", "there is nothing to reduce; input is (3, 0)", b => Reduce.Max(b.Input([3, 0]), [1])),
        new("not float32", "input is Int32, expected Float32", b => Reduce.Sum(b.Indices(DType.Int32, [3], 5))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => (long)random.Next(1, 9))];
        int[] axes = [.. Enumerable.Range(0, shape.Rank).Where(_ => random.Next(2) == 0)];
        var keep = random.Next(2) == 0;
        return random.Next(4) switch
        {
            0 => Case("sum", (x, a, k) => Reduce.Sum(x, a, k), shape, axes, keep),
            1 => Case("mean", (x, a, k) => Reduce.Mean(x, a, k), shape, axes, keep),
            2 => Case("max", (x, a, k) => Reduce.Max(x, a, k), shape, axes, keep),
            _ => ArgMaxOf(shape, random.Next(shape.Rank)),
        };
    }

    private static OperatorCase Case(string name, Func<Value, int[], bool, Value> apply, Shape shape, int[] axes, bool keep) =>
        new($"{name} {shape} over [{string.Join(", ", axes)}]{(keep ? " kept" : "")}", b =>
        {
            b.ReductionLength = name == "max" ? 0 : shape.Count;
            b.Magnitude = name == "max" ? 0 : 1;
            b.MayBeZero = name == "max";
            return apply(b.Input(shape), axes, keep);
        });

    private static OperatorCase ArgMaxOf(Shape shape, int axis) => new($"argmax {shape} over {axis}", b =>
    {
        b.ReductionLength = 0;
        b.HasDerivative = false;
        b.MayBeZero = true;
        return Reduce.ArgMax(b.Input(shape), axis);
    });
}

internal sealed class ReduceTests : OperatorTests<ReduceCases>
{
    // The CPU cuts long sums in pieces, and walks rows and columns in vectors. Too much for the simulator.
    [Test]
    public void Long_rows_and_columns_are_reduced_in_pieces(
        [Values("sum", "mean", "max", "argmax")] string mode, [Values("200003", "3 70001", "50001 3", "2 9000 33", "2 3000 4 5", "3 1003", "2 33 70")] string shape,
        [Values(0, 1)] int axis)
    {
        Shape extents = [.. shape.Split(' ').Select(long.Parse)];
        if (axis >= extents.Rank) return;
        OperatorChecks.OnDevice(new OperatorCase($"{mode} of {shape} over {axis}", b =>
        {
            var exact = mode is "max" or "argmax";
            b.ReductionLength = exact ? 0 : extents[axis];
            b.Magnitude = exact ? 0 : 1;
            b.HasDerivative = false;
            b.MayBeZero = true;
            var x = b.Input(extents);
            return mode switch
            {
                "sum" => Reduce.Sum(x, [axis]),
                "mean" => Reduce.Mean(x, [axis]),
                "max" => Reduce.Max(x, [axis]),
                _ => Reduce.ArgMax(x, axis),
            };
        }), TestDevice.Cpu);
    }

    [Test]
    public void A_NaN_is_found_wherever_it_stands([Values(0, 15, 16, 63, 64, 90, 98)] int place, [Values(1, 3)] int columns)
    {
        var numbers = Enumerable.Range(0, 99 * columns).Select(i => (double)(i * 7 % 31)).ToArray();
        numbers[place * columns + columns - 1] = double.NaN;
        OperatorCase Of(string name, Func<Value, Value> reduce) => new($"{name} with NaN at {place} of {columns}", b =>
        {
            b.ReductionLength = 0;
            b.HasDerivative = false;
            b.MayBeZero = true;
            return reduce(b.Given(DType.Float32, columns == 1 ? [99] : [99, columns], numbers));
        });
        OperatorChecks.OnDevice(Of("max", x => Reduce.Max(x, [0])), TestDevice.Cpu);
        OperatorChecks.OnDevice(Of("argmax", x => Reduce.ArgMax(x, 0)), TestDevice.Cpu);
    }

    [Test]
    public void Equal_maxima_share_the_gradient()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Given(DType.Float32, [4], [1, 3, 3, 2]);
        builder.Store("gradient", builder.Graph.Gradients(Reduce.Max(x), [x])[0]);
        Assert.That(OperatorChecks.Run(builder.Graph.Nodes, builder)["gradient"], Is.EqualTo(new[] { 0, 0.5, 0.5, 0 }));
    }
}
