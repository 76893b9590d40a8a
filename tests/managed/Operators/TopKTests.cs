using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class TopKCases : IOperatorCases
{
    private static readonly (Shape Shape, int K, int Axis)[] _shapes =
    [
        ([1], 1, 0), ([9], 4, 0), ([3, 5], 5, 1), ([3, 5], 2, 0), ([2, 7, 4], 3, 1), ([4, 100], 1, 1), ([3, 200], 130, 1), ([2, 1, 3], 1, 1), ([65, 20], 7, 0),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (shape, k, axis) in _shapes)
            {
                foreach (var largest in new[] { true, false }) yield return Case(shape, k, axis, largest);
            }

            foreach (var largest in new[] { true, false })
            {
                yield return Ordered("ties", [2, 6], [3, 1, 3, 2, 3, 1, 5, 5, 5, 5, 5, 5], 4, largest);
                yield return Ordered("zeros of both signs", [8], [0, -0.0, 1, -0.0, 0, -1, 0, -0.0], 8, largest);
                yield return Ordered("NaN and infinity", [8], [1, double.NaN, double.PositiveInfinity, -2, double.NaN, double.NegativeInfinity, 0, 7], 7, largest);
                yield return Ordered("one of many zeros", [40], new double[40], 3, largest);
            }

            yield return Case([0, 5], 2, 1, largest: true);
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("no such axis", "axis 2 does not exist; input is (3, 4)", b => TopK.Apply(b.Input([3, 4]), 1, 2)),
        new("nothing asked for", "k is 0, but axis 1 has 4 elements; input is (3, 4)", b => TopK.Apply(b.Input([3, 4]), 0, 1)),
        new("more than there are", "k is 5, but axis 1 has 4 elements", b => TopK.Apply(b.Input([3, 4]), 5, 1)),
        new("sort of nothing", "k is 0, but axis 1 has 0 elements", b => TopK.Sort(b.Input([3, 0]), 1)),
        new("not float32", "input is Int32, expected Float32", b => TopK.Apply(b.Indices(DType.Int32, [3], 5), 1, 0)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (long)random.Next(1, 12))];
        var axis = random.Next(shape.Rank);
        return Case(shape, random.Next(1, (int)shape[axis] + 1), axis, random.Next(2) == 0);
    }

    private static OperatorCase Case(Shape shape, int k, int axis, bool largest) => new($"{k} {(largest ? "largest" : "smallest")} of {shape} along {axis}", b =>
    {
        b.MayBeZero = true;
        var (values, indices) = TopK.Apply(b.Input(shape), k, axis, largest);
        b.Store("indices", indices);
        return values * values;
    });

    private static OperatorCase Ordered(string name, Shape shape, double[] numbers, int k, bool largest) =>
        new($"{name}, {(largest ? "largest" : "smallest")}", b =>
        {
            b.ReductionLength = 0;
            b.HasDerivative = false;
            b.MayBeZero = true;
            var (values, indices) = TopK.Apply(b.Given(DType.Float32, shape, numbers), k, shape.Rank - 1, largest);
            b.Store("indices", indices);
            return values;
        });
}

internal sealed class TopKTests : OperatorTests<TopKCases>
{
    // Lengths on either side of every change of method: k of a block's memory, whole sorts, few of many.
    [Test]
    public void Long_lines_are_sorted([Values(1, 5, 600, 3000, 5000)] int k)
    {
        const int Count = 5000;
        var device = TestDevices.Get("cpu");
        var random = new System.Random(k);
        var numbers = Enumerable.Range(0, Count).Select(_ => MathF.Round(random.NextSingle() * 2000f) - 1000f).ToArray();
        using var x = new Tensor(device, DType.Float32, [Count]);
        using var values = new Tensor(device, DType.Float32, [k]);
        using var indices = new Tensor(device, DType.Int32, [k]);
        x.Write<float>(numbers);
        var graph = new Graph(training: false);
        var top = TopK.Apply(graph.Bind(x, "x"), k, 0, largest: false);
        graph.Store(top.Values, values);
        graph.Store(top.Indices, indices);
        using var program = graph.Compile(device);
        program.Run();
        var expected = Enumerable.Range(0, Count).OrderBy(i => numbers[i]).ThenBy(i => i).Take(k).ToArray();
        Assert.That(indices.ToArray<int>(), Is.EqualTo(expected));
        Assert.That(values.ToArray<float>(), Is.EqualTo(expected.Select(i => numbers[i])));
    }
}
