using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class ReduceCompositionsCases : IOperatorCases
{
    private static readonly (string Name, Func<Value, int[], bool, Value> Apply)[] _functions =
    [
        ("min", (x, axes, keep) => Reduce.Min(x, axes, keep)),
        ("variance", (x, axes, keep) => Reduce.Variance(x, axes, keepDims: keep)),
        ("biased variance", (x, axes, keep) => Reduce.Variance(x, axes, correction: 0, keep)),
        ("standard deviation", (x, axes, keep) => Reduce.StandardDeviation(x, axes, keepDims: keep)),
        ("1-norm", (x, axes, keep) => Reduce.NormL1(x, axes, keep)),
        ("2-norm", (x, axes, keep) => Reduce.NormL2(x, axes, keep)),
        ("product", (x, axes, keep) => Reduce.Product(x, axes, keep)),
        ("log-sum-exp", (x, axes, keep) => Reduce.LogSumExp(x, axes, keep)),
    ];

    private static readonly (Shape Shape, int[] Axes)[] _shapes =
    [
        ([3, 5], []), ([3, 5], [0]), ([3, 5], [1]), ([2, 3, 4], [0, 2]), ([2, 3, 4], [1]), ([7], [0]), ([37, 41], [0]),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (shape, axes) in _shapes)
            {
                foreach (var (name, apply) in _functions) yield return Case(name, apply, shape, axes, keep: shape.Rank == 3);
            }

            yield return new OperatorCase("roots of nothing have no gradient", b =>
            {
                b.MayBeZero = true;
                b.HasDerivative = false;
                var x = b.Given(DType.Float32, [2, 3], [0, 0, 0, 2, 2, 2]);
                b.Store("norm", b.Graph.Gradients(Reduce.Sum(Reduce.NormL2(x, [1])), [x])[0]);
                b.Store("deviation", b.Graph.Gradients(Reduce.Sum(Reduce.StandardDeviation(x, [1])), [x])[0]);
                return Reduce.NormL2(x, [1]);
            });
            yield return new OperatorCase("products with zeros have gradients", b =>
            {
                b.ReductionLength = 0;
                b.MayBeZero = true;
                b.HasDerivative = false;
                var x = b.Given(DType.Float32, [3, 5], [2, 0, -3, 1, 5, 0, 2, 0, 1, 1, 1, 2, 3, 4, -5]);
                b.Store("gradient", b.Graph.Gradients(Reduce.Sum(Reduce.Product(x, [1])), [x])[0]);
                return Reduce.Product(x, [1]);
            });
            yield return new OperatorCase("NaN is seen", b =>
            {
                b.HasDerivative = false;
                var x = b.Given(DType.Float32, [2, 3], [1, double.NaN, 3, 4, 5, 6]);
                foreach (var (name, apply) in _functions) b.Store(name, apply(x, [1], false));
                b.Store("any", Reduce.Any(x, [1]));
                return Reduce.All(x, [1]);
            });
            yield return new OperatorCase("log-sum-exp far from 0", b =>
            {
                b.HasDerivative = false;
                const double Infinity = double.PositiveInfinity;
                return Reduce.LogSumExp(b.Given(DType.Float32, [5, 2], [1e4, 1e4, -1e4, -1e4, -Infinity, -Infinity, -Infinity, 3, Infinity, 3]), [1]);
            });
            yield return new OperatorCase("any and all", b =>
            {
                b.ReductionLength = 0;
                b.HasDerivative = false;
                var x = b.Given(DType.Int32, [4, 2], [0, 0, 0, 1, -2, 3, 7, 0], differentiable: false);
                b.Store("all", Reduce.All(x, [1], keepDims: true));
                return Reduce.Any(x, [1]);
            });
            yield return new OperatorCase("argmin with ties and NaN", b =>
            {
                b.ReductionLength = 0;
                b.HasDerivative = false;
                return Reduce.ArgMin(b.Given(DType.Float32, [3, 4], [3, 1, 1, 2, 5, double.NaN, 0, double.NaN, 4, 3, 2, 1]), 1);
            });
            yield return new OperatorCase("clip", b =>
            {
                b.MayBeZero = true;
                return Pointwise.Clip(b.Input([5, 7]), -0.4f, 0.6f);
            });
            yield return new OperatorCase("clip on one side", b =>
            {
                b.MayBeZero = true;
                var x = b.Given(DType.Float32, [4], [-1.5, double.NaN, 0.25, double.PositiveInfinity]);
                b.HasDerivative = false;
                b.Store("above", Pointwise.Clip(x, low: 0f));
                return Pointwise.Clip(x, high: 0f);
            });
            yield return new OperatorCase("select", b =>
            {
                b.MayBeZero = true;
                return Pointwise.Select(b.Indices(DType.UInt8, [4, 5], 2), b.Input([4, 5]), b.Input([5]));
            });
            yield return new OperatorCase("one hot", b =>
            {
                b.ReductionLength = 0;
                b.MayBeZero = true;
                return OneHot.Encode(b.Indices(DType.Int32, [3, 4], 5), 5);
            });
            yield return new OperatorCase("whole numbers", b =>
            {
                b.ReductionLength = 0;
                b.Store("one", OneHot.Range(b.Graph, 1));
                return OneHot.Range(b.Graph, 1500);
            });
            foreach (var (shape, size) in new (Shape, PerAxis)[] { ([2, 3, 8], 4), ([2, 3, 9], 4), ([2, 3, 8, 6], (4, 3)), ([1, 2, 7, 5], (3, 2)), ([1, 2, 3, 3], 5), ([1, 1, 4, 5, 6], 2) })
                yield return new OperatorCase($"adaptive average {shape} to {size}", b =>
                {
                    b.ReductionLength = 16;
                    return Pooling.AdaptiveAverage(b.Input(shape), size);
                });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("no such axis", "axis 2 does not exist; input is (3, 4)", b => Reduce.Variance(b.Input([3, 4]), [2])),
        new("an axis twice", "axis 1 is named twice", b => Reduce.LogSumExp(b.Input([3, 4]), [1, 1])),
        new("a variance of one", "there are 1 elements to measure, expected more than the correction 1", b => Reduce.Variance(b.Input([3, 1]), [1])),
        new("a minimum of nothing", "there is nothing to reduce; input is (3, 0)", b => Reduce.Min(b.Input([3, 0]), [1])),
        new("a product of nothing", "there is nothing to reduce; input is (3, 0)", b => Reduce.Product(b.Input([3, 0]), [1])),
        new("a norm of whole numbers", "input is Int32, expected Float32", b => Reduce.NormL2(b.Indices(DType.Int32, [3], 5))),
        new("one hot of numbers", "indices is Float32, expected Int32", b => OneHot.Encode(b.Input([3]), 4)),
        new("one hot of eight axes", "indices have rank 8", b => OneHot.Encode(b.Indices(DType.Int32, [1, 1, 1, 1, 1, 1, 1, 1], 2), 4)),
        new("adaptive average of a matrix", "input is (3, 4), expected (N, C, spatial...)", b => Pooling.AdaptiveAverage(b.Input([3, 4]), 2)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (long)random.Next(2, 7))];
        int[] axes = [.. Enumerable.Range(0, shape.Rank).Where(_ => random.Next(2) == 0)];
        var (name, apply) = _functions[random.Next(_functions.Length)];
        return Case(name, apply, shape, axes, random.Next(2) == 0);
    }

    private static OperatorCase Case(string name, Func<Value, int[], bool, Value> apply, Shape shape, int[] axes, bool keep) =>
        new($"{name} {shape} over [{string.Join(", ", axes)}]{(keep ? " kept" : "")}", b =>
        {
            b.ReductionLength = shape.Count;
            b.Magnitude = 1;
            b.MayBeZero = true;
            return apply(b.Input(shape), axes, keep);
        });
}

internal sealed class ReduceCompositionsTests : OperatorTests<ReduceCompositionsCases>;
