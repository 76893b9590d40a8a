using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class CumulativeSumCases : IOperatorCases
{
    private static readonly (Shape Shape, int Axis)[] _shapes =
    [
        ([1], 0), ([9], 0), ([3, 5], 0), ([3, 5], 1), ([2, 3, 4], 1), ([1, 1, 1], 1), ([17, 40], 0), ([9, 33], 1), ([2, 70, 65], 1), ([3, 7, 1], 1),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (shape, axis) in _shapes)
            {
                foreach (var (exclusive, reverse) in new[] { (false, false), (true, false), (false, true), (true, true) })
                    yield return Case(shape, axis, exclusive, reverse);
            }

            // More than a block's tile, and lines that several blocks share.
            yield return Case([2, 2500], 1, exclusive: false, reverse: true);
            yield return Case([9000], 0, exclusive: true, reverse: false);
            yield return Case([0, 4], 1, exclusive: false, reverse: false);
            yield return Case([4, 0], 1, exclusive: true, reverse: true);
            yield return new OperatorCase("NaN and infinity stay from their place on", b =>
            {
                b.ReductionLength = 0;
                b.HasDerivative = false;
                return CumulativeSum.Apply(b.Given(DType.Float32, [3, 4], [1, double.NaN, 2, 3, 1, 2, double.PositiveInfinity, 4, 5, 6, 7, 8]), 1);
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("no such axis", "axis 2 does not exist; input is (3, 4)", b => CumulativeSum.Apply(b.Input([3, 4]), 2)),
        new("a number", "axis 0 does not exist; input is ()", b => CumulativeSum.Apply(b.Input([]), 0)),
        new("not float32", "input is Int32, expected Float32", b => CumulativeSum.Apply(b.Indices(DType.Int32, [3], 5), 0)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (long)random.Next(1, 9))];
        return Case(shape, random.Next(shape.Rank), random.Next(2) == 0, random.Next(2) == 0);
    }

    private static OperatorCase Case(Shape shape, int axis, bool exclusive, bool reverse) =>
        new($"{shape} along {axis}{(exclusive ? " exclusive" : "")}{(reverse ? " reverse" : "")}", b =>
        {
            // Long lines are slow to differentiate by differences in the reference, and prove nothing more.
            b.HasDerivative = shape.Count < 1000;
            b.ReductionLength = shape[axis];
            b.Magnitude = 1;
            b.MayBeZero = true;
            var sums = CumulativeSum.Apply(b.Input(shape), axis, exclusive, reverse);
            return b.HasDerivative ? sums * sums : sums;
        });
}

internal sealed class CumulativeSumTests : OperatorTests<CumulativeSumCases>;
