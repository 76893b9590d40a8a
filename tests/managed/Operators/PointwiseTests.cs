using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class PointwiseCases : IOperatorCases
{
    // Inputs of these stay away from their kinks and poles.
    private static readonly (string Name, Func<Value, Value> Apply, double Low, double High)[] _unary =
    [
        ("sigmoid", Pointwise.Sigmoid, -5, 5),
        ("tanh", Pointwise.Tanh, -3, 3),
        ("exp", Pointwise.Exp, -3, 3),
        ("expm1", Pointwise.ExpMinusOne, -1, 1),
        ("log", Pointwise.Log, 0.1, 4),
        ("log1p", Pointwise.LogOnePlus, -0.5, 2),
        ("sqrt", Pointwise.Sqrt, 0.1, 4),
        ("rsqrt", Pointwise.ReciprocalSqrt, 0.1, 4),
        ("abs", Pointwise.Abs, -2, 2),
        ("negate", Pointwise.Negate, -2, 2),
        ("erf", Pointwise.Erf, -2, 2),
        ("square", x => x * x, -2, 2),
        ("reciprocal", x => 1f / x, 0.5, 2),
        ("power with a constant", x => Pointwise.Power(x, x.Graph.Constant(2.5f)), 0.5, 2),
        ("constants on both sides", x => 3f - (2f * x + 1f) / 4f - x, -2, 2),
        ("clamp", x => Pointwise.Minimum(Pointwise.Maximum(x, x.Graph.Constant(-0.5f)), x.Graph.Constant(0.5f)), -1, 1),
        ("relu of a chain", x => Activations.Relu(Pointwise.Tanh(x) * 2f + 0.1f) * x, -2, 2),
    ];

    private static readonly (string Name, Func<Value, Value, Value> Apply)[] _binary =
    [
        ("add", (a, b) => a + b),
        ("subtract", (a, b) => a - b),
        ("multiply", (a, b) => a * b),
        ("divide", (a, b) => a / b),
        ("minimum", Pointwise.Minimum),
        ("maximum", Pointwise.Maximum),
        ("power", Pointwise.Power),
        ("select", (a, b) => Pointwise.Select(Pointwise.Greater(a, b), a * 2f, b * b)),
        ("the same input twice", (a, b) => a * b + a * b * a),
        ("shared parts", (a, b) => Pointwise.Tanh(a + b) * Pointwise.Sigmoid(a + b) - a / b),
    ];

    private static readonly (Shape Left, Shape Right)[] _shapes =
    [
        ([3, 5], [3, 5]),
        ([3, 5], [5]),
        ([3, 1], [1, 5]),
        ([2, 3, 4], [3, 1]),
        ([], [4]),
        ([2, 1, 3, 1], [4, 1, 7]),
        ([1], [1]),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (name, apply, low, high) in _unary)
                yield return new OperatorCase(name, b => Smooth(b, apply(b.Input([3, 7], low, high))));
            foreach (var (name, apply) in _binary)
            {
                foreach (var (left, right) in _shapes)
                    yield return new OperatorCase($"{name} {left} {right}", b => Smooth(b, apply(b.Input(left, 0.5, 2), b.Input(right, 0.5, 2))));
            }

            foreach (var (name, apply) in Comparisons)
                yield return new OperatorCase(name, b => Exact(b, apply(b.Indices(DType.Float32, [5, 9], 3), b.Indices(DType.Float32, [9], 3))));
            yield return new OperatorCase("floor", b => Exact(b, Pointwise.Floor(b.Input([31], -4, 4, differentiable: false))));
            yield return new OperatorCase("relu is exact", b => Exact(b, Activations.Relu(b.Input([2, 3, 5], differentiable: false))));
            foreach (var dtype in new[] { DType.UInt8, DType.Int32, DType.Int64, DType.Float16, DType.BFloat16, DType.Float64 })
                yield return new OperatorCase($"from {dtype}", b => Exact(b, b.Indices(dtype, [3, 5], 120) + b.Input([5], 0, 0, differentiable: false)));
            foreach (var dtype in new[] { DType.UInt8, DType.Int32, DType.Int64, DType.Float16, DType.BFloat16, DType.Float64 })
                yield return new OperatorCase($"to {dtype}", b => Exact(b, Pointwise.Cast(b.Input([3, 50], -300, 300, differentiable: false), dtype)));
            yield return new OperatorCase("odd large", b => Smooth(b, Pointwise.Sigmoid(b.Input([1, 3, 37, 41]) * b.Input([3, 1, 1]))));
            yield return new OperatorCase("empty", b => Exact(b, Pointwise.Exp(b.Input([3, 0, 2]))));
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("two dimensions differ", "shapes (3, 4) and (3, 5) do not broadcast", b => _ = b.Input([3, 4]) + b.Input([3, 5])),
        new("a leading dimension differs", "shapes (2, 3) and (2, 1, 4) do not broadcast", b => _ = b.Input([2, 3]) * b.Input([2, 1, 4])),
        new("a branch differs", "shapes (2) and (2) and (3) do not broadcast", b => Pointwise.Select(b.Input([2]), b.Input([2]), b.Input([3]))),
    ];

    private static (string Name, Func<Value, Value, Value> Apply)[] Comparisons =>
    [
        ("less", Pointwise.Less),
        ("less or equal", Pointwise.LessOrEqual),
        ("greater", Pointwise.Greater),
        ("greater or equal", Pointwise.GreaterOrEqual),
        ("equal", Pointwise.Equal),
        ("not equal", Pointwise.NotEqual),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var rank = random.Next(1, 5);
        long[] Extents() => [.. Enumerable.Range(0, rank).Select(_ => (long)random.Next(1, 6))];
        var full = Extents();
        Shape Part() => [.. full.Skip(random.Next(0, rank)).Select(extent => random.Next(3) == 0 ? 1 : extent)];
        var (left, right) = (Part(), Part());
        var seed = random.Next();
        return new OperatorCase($"random expression {seed} over {left} {right}", b =>
        {
            var choose = new System.Random(seed);
            var pool = new List<Value> { b.Input(left, 0.5, 2), b.Input(right, 0.5, 2) };
            for (var i = 0; i < 8; i++)
            {
                Value Pick() => pool[choose.Next(pool.Count)];
                pool.Add(choose.Next(9) switch
                {
                    0 => Pick() + Pick(),
                    1 => Pick() * Pick() * 0.5f,
                    2 => Pick() / (Pointwise.Abs(Pick()) + 1f),
                    3 => Pointwise.Tanh(Pick()),
                    4 => Pointwise.Sigmoid(Pick()),
                    5 => Pick() - Pick() * 0.25f,
                    6 => Pointwise.Exp(Pointwise.Tanh(Pick())),
                    7 => Activations.Softplus(Pick()),
                    _ => Pointwise.Sqrt(Pick() * Pick() * 0f + 1.5f) + Pick(),
                });
            }

            return Smooth(b, pool[^1] + pool[^2] + pool[0] * pool[1]);
        });
    }

    // Functions are good to some units in the last place; chains of them add up.
    private static Value Smooth(CaseBuilder builder, Value y)
    {
        builder.ReductionLength = 16;
        builder.Magnitude = 1;
        return y;
    }

    private static Value Exact(CaseBuilder builder, Value y)
    {
        builder.ReductionLength = 0;
        builder.HasDerivative = false;
        return y;
    }
}

internal sealed class PointwiseTests : OperatorTests<PointwiseCases>
{
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Special_values_follow_the_rules(string name)
    {
        var device = TestDevices.Get(name);
        float[] numbers = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, 1f, -1f];
        var graph = new Graph(training: false);
        var x = Bind(graph, device, numbers, "x");
        var swapped = Bind(graph, device, [.. numbers.Reverse()], "swapped");
        var results = new Dictionary<string, (Value Value, Func<float, float, float> Expected)>
        {
            ["relu"] = (Activations.Relu(x), (a, _) => MathF.Max(a, 0f)),
            ["maximum"] = (Pointwise.Maximum(x, swapped), MathF.Max),
            ["minimum"] = (Pointwise.Minimum(x, swapped), MathF.Min),
            ["times zero"] = (x * 0f, (a, _) => a * 0f),
            ["equal"] = (Pointwise.Equal(x, x), (a, _) => float.IsNaN(a) ? 0f : 1f),
            ["not equal"] = (Pointwise.NotEqual(x, x), (a, _) => float.IsNaN(a) ? 1f : 0f),
            ["gradient of relu"] = (swapped * Pointwise.Greater(Activations.Relu(x), graph.Constant(0f)), (a, b) => b * (a > 0 ? 1f : 0f)),
        };
        var stored = results.ToDictionary(result => result.Key, result => Store(graph, device, result.Value.Value));
        using var program = graph.Compile(device);
        program.Run();
        foreach (var (what, (_, expected)) in results)
        {
            var actual = stored[what].ToArray<float>();
            for (var i = 0; i < numbers.Length; i++)
                Assert.That(actual[i], Is.EqualTo(expected(numbers[i], numbers[^(i + 1)])), $"{what} of {numbers[i]} and {numbers[^(i + 1)]}");
        }
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Conversions_saturate_and_round_to_even(string name)
    {
        var device = TestDevices.Get(name);
        var graph = new Graph(training: false);
        float[] numbers = [-5f, 0.5f, 1.5f, 2.5f, 254.5f, 300f, 1e20f, -1e20f];
        var x = Bind(graph, device, numbers, "x");
        var bytes = Store(graph, device, Pointwise.Cast(x, DType.UInt8));
        var ints = Store(graph, device, Pointwise.Cast(x, DType.Int32));
        using var program = graph.Compile(device);
        program.Run();
        Assert.That(bytes.ToArray<byte>(), Is.EqualTo(new byte[] { 0, 0, 2, 2, 254, 255, 255, 0 }));
        Assert.That(ints.ToArray<int>(), Is.EqualTo(new[] { -5, 0, 2, 2, 254, 300, int.MaxValue, int.MinValue }));
    }

    [Test]
    public void Relu_has_no_gradient_at_zero_and_for_NaN_above_it()
    {
        var builder = new CaseBuilder(device: null);
        var x = builder.Given(DType.Float32, [3], [0, double.NaN, 2]);
        var loss = Reduce.Sum(Activations.Relu(x));
        builder.Store("gradient", builder.Graph.Gradients(loss, [x])[0]);
        Assert.That(OperatorChecks.Run(builder.Graph.Nodes, builder)["gradient"], Is.EqualTo(new double[] { 0, 0, 1 }));
    }

    private static Value Bind(Graph graph, Device device, float[] numbers, string name)
    {
        var tensor = new Tensor(device, DType.Float32, [numbers.Length]);
        tensor.Write<float>(numbers);
        return graph.Bind(tensor, name);
    }

    private static Tensor Store(Graph graph, Device device, Value value)
    {
        var tensor = new Tensor(device, value.DType, value.Shape);
        graph.Store(value, tensor);
        return tensor;
    }
}
