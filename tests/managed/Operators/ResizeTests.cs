using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class ResizeCases : IOperatorCases
{
    private static readonly (Shape Shape, Shape Size)[] _shapes =
    [
        ([2, 3, 5], [9]), ([1, 1, 1], [4]), ([1, 2, 7], [1]), ([1, 2, 40], [67]), ([1, 2, 67], [40]), ([1, 1, 100], [7]),
        ([2, 3, 4, 4], [8, 8]), ([2, 3, 5, 7], [3, 11]), ([1, 3, 6, 6], [6, 13]), ([1, 3, 6, 6], [13, 6]), ([2, 1, 9, 17], [4, 35]), ([1, 2, 3, 3], [1, 1]),
        ([1, 2, 2, 20], [3, 41]), ([1, 2, 3, 4, 5], [5, 7, 3]), ([2, 1, 3, 2, 4], [6, 4, 8]), ([1, 2, 1, 5, 1], [3, 2, 2]), ([1, 1, 2, 2, 2], [2, 5, 2]),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (shape, size) in _shapes)
            {
                yield return Case(ResizeMode.Nearest, shape, size);
                yield return Case(ResizeMode.Linear, shape, size);
                yield return Case(ResizeMode.Linear, shape, size, alignCorners: true);
                yield return Case(ResizeMode.Area, shape, size);
            }

            yield return Case(ResizeMode.Linear, [0, 3, 4, 4], [8, 8]);

            // More planes than lanes, of rows shorter and longer than a vector.
            yield return Case(ResizeMode.Area, [3, 7, 13, 13], [6, 6]);
            yield return Case(ResizeMode.Linear, [2, 17, 5, 3], [4, 40]);
            yield return Case(ResizeMode.Linear, [1, 2, 20, 40], [41, 85]);
            yield return Case(ResizeMode.Nearest, [1, 2, 5, 40], [10, 80]);
            yield return Case(ResizeMode.Linear, [1, 2, 5, 40], [10, 80]);
            yield return Case(ResizeMode.Area, [1, 2, 90, 140], [41, 60]);
            foreach (var (mode, corners, size) in new[] { (ResizeMode.Area, false, 40), (ResizeMode.Linear, false, 160), (ResizeMode.Linear, true, 81), (ResizeMode.Nearest, false, 33) })
                yield return new OperatorCase($"{mode} to {size} where some are not finite", b =>
                {
                    b.HasDerivative = false;
                    var numbers = new double[17 * 41];
                    for (var plane = 0; plane < 17; plane++) (numbers[plane * 41 + 5], numbers[plane * 41 + 20], numbers[plane * 41 + 39]) = (double.NaN, double.PositiveInfinity, 1);
                    b.MayBeZero = true;
                    return Resize.Apply(mode, b.Given(DType.Float32, [1, 17, 41], numbers), [size], corners);
                });
            yield return Case(ResizeMode.Nearest, [2, 3, 4], [4]);
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("a matrix", "input is (3, 4), expected (N, C, spatial...)", b => Resize.Nearest(b.Input([3, 4]), 8)),
        new("four spatial axes", "expected (N, C, spatial...) with one to three", b => Resize.Linear(b.Input([1, 1, 2, 2, 2, 2]), 8)),
        new("nothing to read", "that are not empty", b => Resize.Area(b.Input([1, 1, 0, 2]), 8)),
        new("no size", "size is 0, expected 1 or more", b => Resize.Nearest(b.Input([1, 1, 2, 2]), 0)),
        new("sizes of another rank", "size is (2, 3), expected one number or 1", b => Resize.Nearest(b.Input([1, 1, 2]), (2, 3))),
        new("not float32", "input is Int32, expected Float32", b => Resize.Nearest(b.Indices(DType.Int32, [1, 1, 2], 5), 4)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var rank = random.Next(1, 4);
        Shape size = [.. Enumerable.Range(0, rank).Select(_ => (long)random.Next(1, 9))];
        Shape shape = [random.Next(1, 3), random.Next(1, 4), .. Enumerable.Range(0, rank).Select(_ => (long)random.Next(1, 9))];
        return Case((ResizeMode)random.Next(1, 4), shape, size, random.Next(2) == 0);
    }

    private static OperatorCase Case(ResizeMode mode, Shape shape, Shape size, bool alignCorners = false) =>
        new($"{mode} {shape} to {size}{(alignCorners ? " with corners" : "")}", b =>
        {
            // Linear weights of up to three axes are rounded before they are used, and the error with them.
            b.ReductionLength = 16;
            b.Magnitude = 1;
            b.MayBeZero = size.Count * 4 < shape.From(2).Count;  // most elements are read by nobody
            var y = Resize.Apply(mode, b.Input(shape), size, alignCorners);
            return y * y;
        });
}

internal sealed class ResizeTests : OperatorTests<ResizeCases>;
