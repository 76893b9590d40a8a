using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class ReshapeCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases =>
    [
        Case("to", x => Reshape.To(x, [4, 6]), [2, 3, 4]),
        Case("flatten", x => Reshape.Flatten(x), [2, 3, 4, 5]),
        Case("flatten all", x => Reshape.Flatten(x, 0), [2, 3]),
        Case("flatten nothing", x => Reshape.Flatten(x, 2), [2, 3]),
        Case("to a scalar", x => Reshape.To(x, []), [1, 1, 1]),
        Case("twice", x => Reshape.To(Reshape.To(x, [6, 4]), [3, 8]), [2, 3, 4]),
        Case("of a computed value", x => Reshape.Flatten(Pointwise.Tanh(x)) * 2f, [2, 3, 4]),
        Case("back and forth", x => Reshape.To(Activations.Relu(Reshape.To(x, [24])), [2, 3, 4]), [2, 3, 4]),
    ];

    public static IEnumerable<BadCase> BadCases =>
    [
        new("another count", "(5, 5) has 25 elements, the input (4, 6) has 24", b => Reshape.To(b.Input([4, 6]), [5, 5])),
        new("too few dimensions", "input has rank 1, expected 2 or more; input is (4)", b => Reshape.Flatten(b.Input([4]), 2)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => (long)random.Next(1, 6))];
        var from = random.Next(0, shape.Rank + 1);
        return Case($"random from {from}", x => Reshape.Flatten(x, from), shape);
    }

    private static OperatorCase Case(string name, Func<Value, Value> apply, Shape shape) => new($"{name} {shape}", b =>
    {
        b.ReductionLength = 4;
        b.MayBeZero = true;
        return apply(b.Input(shape));
    });
}

internal sealed class ReshapeTests : OperatorTests<ReshapeCases>
{
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Integers_keep_all_their_bits(string name)
    {
        var device = TestDevices.Get(name);
        using var x = new Tensor(device, DType.Int64, [2, 3]);
        using var y = new Tensor(device, DType.Int64, [3, 2]);
        long[] numbers = [long.MinValue, -1, 0, 1, long.MaxValue, (1L << 53) + 1];
        x.Write<long>(numbers);
        var graph = new Graph(training: false);
        graph.Store(Reshape.To(graph.Bind(x, "x"), [3, 2]), y);
        using var program = graph.Compile(device);
        program.Run();
        Assert.That(y.ToArray<long>(), Is.EqualTo(numbers));
    }
}
