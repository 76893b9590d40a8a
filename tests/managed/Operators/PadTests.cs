using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class PadCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var dtype in MoveCases.DataTypes)
            {
                yield return MoveCases.Of("constant", dtype, [2, 3, 4], x => Pad.Constant(x, [0, 1, 2], [0, 2, 1], 3f));
                yield return MoveCases.Of("reflect", dtype, [2, 3, 4], x => Pad.Reflect(x, [0, 1, 2], [0, 2, 1]));
                yield return MoveCases.Of("edge", dtype, [2, 3, 4], x => Pad.Edge(x, [0, 1, 2], [0, 2, 1]));
            }

            yield return MoveCases.Of("by nothing", [3, 4], x => Pad.Constant(x, [0, 0], [0, 0], 1f) * 2f);
            yield return MoveCases.Of("one axis", [5], x => Pad.Constant(x, [2], [3], -0.5f));
            yield return MoveCases.Of("images", [2, 3, 5, 4], x => Pad.Constant(x, [0, 0, 1, 2], [0, 0, 3, 0]));
            yield return MoveCases.Of("channels", [2, 3, 5, 4], x => Pad.Constant(x, [0, 2, 0, 0], [0, 1, 0, 0], 7f));
            yield return MoveCases.Of("nothing becomes something", [0, 3], x => Pad.Constant(x, [1, 0], [1, 0], 2f));
            yield return MoveCases.Of("no rows", [0, 3], x => Pad.Constant(x, [0, 1], [0, 1]));
            yield return MoveCases.Of("eight axes", [1, 2, 1, 2, 1, 2, 1, 2], x => Pad.Constant(x, [0, 1, 0, 0, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0, 1, 0]));
            yield return MoveCases.Of("spread", [3, 4], x => Pad.Spread(x, [1, 0], [0, 2], [2, 3]));
            yield return MoveCases.Of("spread rows", [3, 4], x => Pad.Spread(x, [0, 0], [1, 0], [4, 1]));
            yield return Summed("reflect one axis", [5], x => Pad.Reflect(x, [4], [4]));
            yield return Summed("reflect images", [2, 3, 5, 4], x => Pad.Reflect(x, [0, 0, 2, 3], [0, 0, 4, 1]));
            yield return MoveCases.Of("reflect extent 1", [2, 1], x => Pad.Reflect(x, [1, 0], [0, 0]));
            yield return Summed("reflect no rows", [0, 3], x => Pad.Reflect(x, [0, 2], [0, 1]));
            yield return Summed("edge one axis", [3], x => Pad.Edge(x, [5], [4]));
            yield return Summed("edge images", [2, 3, 5, 4], x => Pad.Edge(x, [0, 0, 2, 3], [0, 0, 4, 1]));
            yield return Summed("edge of extent 1", [1, 1], x => Pad.Edge(x, [2, 3], [1, 0]));
            yield return Summed("edge of samples and channels", [2, 2, 3], x => Pad.Edge(x, [1, 2, 0], [2, 0, 0]));
            foreach (var channels in new[] { 32, 5 })
            {
                yield return MoveCases.AfterConvolution("zeros", channels, x => Pad.Constant(x, [0, 0, 1, 2], [0, 0, 1, 0]));
                yield return MoveCases.AfterConvolution("reflect", channels, x => Pad.Reflect(x, [0, 0, 1, 2], [0, 0, 1, 0]));
                yield return MoveCases.AfterConvolution("edge", channels, x => Pad.Edge(x, [0, 0, 1, 2], [0, 0, 1, 0]));
                yield return MoveCases.AfterConvolution("zero channels", channels, x => Pad.Constant(x, [0, 16, 0, 0], [0, 16, 0, 0]));
            }
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("too few numbers", "begin has 1 numbers, expected one for each axis; input is (3, 4)", b => Pad.Constant(b.Input([3, 4]), [0], [1, 1])),
        new("below 0", "axis 1 of extent 4 is padded by -1 and 0, expected 0 to", b => Pad.Constant(b.Input([3, 4]), [0, -1], [0, 0])),
        new("mirrored too far", "axis 0 of extent 3 is padded by 1 and 3, expected 0 to 2; input is (3, 4)", b => Pad.Reflect(b.Input([3, 4]), [1, 0], [3, 0])),
        new("no edge", "axis 0 of extent 0 is padded by 1 and 0, expected 0 to 0; input is (0, 4)", b => Pad.Edge(b.Input([0, 4]), [1, 0], [0, 0])),
        new("nothing to mirror", "axis 0 of extent 0 is padded by 0 and 1, expected 0 to 0", b => Pad.Reflect(b.Input([0, 4]), [0, 0], [1, 0])),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var shape = MoveCases.RandomShape(random);
        var mode = random.Next(3);
        var begin = shape.Select(extent => (long)random.Next(0, mode == 1 ? (int)extent : 4)).ToArray();
        var end = shape.Select(extent => (long)random.Next(0, mode == 1 ? (int)extent : 4)).ToArray();
        var name = $"{(mode == 0 ? "constant" : mode == 1 ? "reflect" : "edge")} {string.Join(',', begin)} and {string.Join(',', end)}";
        return Summed(name, shape, x => mode == 0 ? Pad.Constant(x, begin, end, 0.5f) : mode == 1 ? Pad.Reflect(x, begin, end) : Pad.Edge(x, begin, end));
    }

    // Gradients of an element that was copied often are sums.
    private static OperatorCase Summed(string name, Shape shape, Func<Value, Value> apply) => new($"{name} of {shape}", b =>
    {
        b.ReductionLength = 64;
        b.MayBeZero = true;
        return apply(b.Input(shape));
    });
}

internal sealed class PadTests : OperatorTests<PadCases>
{
    [TestCase(DType.UInt8, 300f, 255)]
    [TestCase(DType.UInt8, -1f, 0)]
    [TestCase(DType.Int32, 2.5f, 2)]
    [TestCase(DType.Int64, -3.5f, -4)]
    [TestCase(DType.Float16, 1.00048828125f, 1)]
    [TestCase(DType.Float16, 65519f, 65504)]
    [TestCase(DType.Float16, 3e-8f, 5.9604644775390625e-08)]
    [TestCase(DType.BFloat16, 1.01171875f, 1.015625)]
    [TestCase(DType.Float64, -0.1f, -0.10000000149011612)]
    public void The_constant_is_rounded_to_the_data_type(DType dtype, float value, double expected)
    {
        foreach (var name in TestDevices.Names)
        {
            var device = TestDevices.Get(name);
            using var x = new Tensor(device, dtype, [1]);
            using var y = new Tensor(device, dtype, [3]);
            var graph = new Graph(training: false);
            graph.Store(Pad.Constant(graph.Bind(x, "x"), [1], [1], value), y);
            using var program = graph.Compile(device);
            program.Run();
            Assert.That(TensorNumbers.Read(y), Is.EqualTo(new[] { expected, 0, expected }), name);
        }
    }
}
