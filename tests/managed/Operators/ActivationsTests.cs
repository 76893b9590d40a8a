using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

/// <summary>An activation, its plain formula, and what it is to give far away.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Apply">Adds it to a graph.</param>
/// <param name="Formula">The definition in float64, for numbers that do not overflow it.</param>
/// <param name="Below">At minus infinity.</param>
/// <param name="Above">At infinity.</param>
/// <param name="SlopeBelow">The derivative at -1e30.</param>
/// <param name="SlopeAbove">The derivative at 1e30.</param>
internal sealed record Activation(
    string Name, Func<Value, Value> Apply, Func<double, double> Formula, double Below, double Above, double SlopeBelow, double SlopeAbove)
{
    public override string ToString() => Name;
}

internal sealed class ActivationCases : IOperatorCases
{
    private const double Inf = double.PositiveInfinity;

    public static IReadOnlyList<Activation> All { get; } =
    [
        new("heaviside", Activations.Heaviside, x => x > 0 ? 1 : 0, 0, 1, 0, 0),
        new("relu", Activations.Relu, x => Math.Max(x, 0), 0, Inf, 0, 1),
        new("relu6", Activations.Relu6, x => Math.Clamp(x, 0, 6), 0, 6, 0, 0),
        new("leaky relu", x => Activations.LeakyRelu(x, 0.2f), x => x > 0 ? x : 0.2 * x, -Inf, Inf, 0.2, 1),
        new("leaky relu with a negative slope", x => Activations.LeakyRelu(x, -0.5f), x => x > 0 ? x : -0.5 * x, Inf, Inf, -0.5, 1),
        new("prelu", x => Activations.PRelu(x, x.Graph.Constant(0.25f)), x => x > 0 ? x : 0.25 * x, -Inf, Inf, 0.25, 1),
        new("elu", x => Activations.Elu(x, 1.5f), x => x > 0 ? x : 1.5 * (Math.Exp(x) - 1), -1.5, Inf, 0, 1),
        new("selu", Activations.Selu, x => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.Exp(x) - 1)), -1.7580993408473766, Inf, 0, 1.0507009873554805),
        new("celu", x => Activations.Celu(x, 2f), x => x > 0 ? x : 2 * (Math.Exp(x / 2) - 1), -2, Inf, 0, 1),
        new("hard tanh", x => Activations.HardTanh(x, -0.5f, 1.5f), x => Math.Clamp(x, -0.5, 1.5), -0.5, 1.5, 0, 0),
        new("hard sigmoid", Activations.HardSigmoid, x => Math.Clamp(x + 3, 0, 6) / 6, 0, 1, 0, 0),
        new("hard swish", Activations.HardSwish, x => x * Math.Clamp(x + 3, 0, 6) / 6, double.NaN, Inf, 0, 1),
        new("softplus", x => Activations.Softplus(x), x => Math.Log(1 + Math.Exp(x)), 0, Inf, 0, 1),
        new("softplus, beta 2.5", x => Activations.Softplus(x, 2.5f), x => Math.Log(1 + Math.Exp(2.5 * x)) / 2.5, 0, Inf, 0, 1),
        new("log sigmoid", Activations.LogSigmoid, x => -Math.Log(1 + Math.Exp(-x)), -Inf, 0, 1, 0),
        new("softsign", Activations.Softsign, x => x / (1 + Math.Abs(x)), double.NaN, double.NaN, 0, 0),
        new("gelu", x => Activations.Gelu(x), x => x * (1 + ScalarMath.Erf(x / Math.Sqrt(2))) / 2, double.NaN, Inf, 0, 1),
        new("gelu by tanh", x => Activations.Gelu(x, GeluForm.Tanh), x => x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))) / 2, double.NaN, Inf, 0, 1),
        new("silu", x => Activations.Silu(x), x => x / (1 + Math.Exp(-x)), double.NaN, Inf, 0, 1),
        new("silu, beta 1.7", x => Activations.Silu(x, 1.7f), x => x / (1 + Math.Exp(-1.7f * x)), double.NaN, Inf, 0, 1),
        new("mish", Activations.Mish, x => x * Math.Tanh(Math.Log(1 + Math.Exp(x))), double.NaN, Inf, 0, 1),
        new("sigmoid", Pointwise.Sigmoid, x => 1 / (1 + Math.Exp(-x)), 0, 1, 0, 0),
        new("tanh", Pointwise.Tanh, Math.Tanh, -1, 1, 0, 0),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var activation in All)
            {
                yield return Case(activation, [3, 7], 2.5);
                yield return Case(activation, [2, 1, 17], 20);
            }

            yield return Case(All[0], [0, 3], 1);
            foreach (var (x, slope) in new (Shape, Shape)[] { ([5, 3], [3]), ([2, 3, 4], [3, 1]), ([2, 3, 2, 5], [1]), ([1, 1], []) })
                yield return new OperatorCase($"prelu {x} with slopes {slope}", b => Sized(b, Activations.PRelu(b.Input(x, -2, 2), b.Input(slope, 0.1, 0.9))));
            foreach (var (x, axis) in new (Shape, int)[] { ([4, 6], 1), ([2, 6, 3, 3], 1), ([3, 1, 2], 2), ([0, 4], 1) })
                yield return new OperatorCase($"glu {x} along {axis}", b => Sized(b, Activations.Glu(b.Input(x, -2, 2), axis)));
            foreach (var (x, pieces, axis) in new (Shape, int, int)[] { ([4, 6], 3, 1), ([2, 6, 3, 3], 2, 1), ([5, 1], 1, 1), ([2, 3, 10], 5, 2), ([6], 2, 0), ([0, 4], 2, 1) })
                yield return new OperatorCase($"maxout {x} of {pieces} along {axis}", b => Sized(b, Activations.Maxout(b.Input(x, 0.5, 2), pieces, axis)));
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("slopes that do not fit", "shapes (2, 3) and (2) do not broadcast", b => Activations.PRelu(b.Input([2, 3]), b.Input([2]))),
        new("channels that are no multiple", "input is (2, 5), expected a multiple of 2 along axis 1", b => Activations.Maxout(b.Input([2, 5]), 2)),
        new("an odd number of gates", "input is (2, 5), expected a multiple of 2 along axis 1", b => Activations.Glu(b.Input([2, 5]))),
        new("no such axis", "input is (4), expected a multiple of 2 along axis 1", b => Activations.Maxout(b.Input([4]), 2)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (long)random.Next(1, 9))];
        return Case(All[random.Next(All.Count)], shape, 0.5 + random.NextDouble() * 6);
    }

    private static OperatorCase Case(Activation activation, Shape shape, double range) =>
        new($"{activation} {shape}, +-{range}", b => Sized(b, activation.Apply(b.Input(shape, -range, range))));

    private static Value Sized(CaseBuilder builder, Value y)
    {
        builder.ReductionLength = 16;
        builder.Magnitude = 1;
        builder.MayBeZero = true;
        return y;
    }
}

internal sealed class ActivationsTests : OperatorTests<ActivationCases>
{
    public static IEnumerable<Activation> All => ActivationCases.All;

    [TestCaseSource(nameof(All))]
    public void Values_are_those_of_the_formula(Activation activation)
    {
        double[] numbers = [-8, -3.25, -3, -1, -0.75, -1e-3, 0, 1e-3, 0.5, 1, 1.5, 2.75, 3, 5.5, 6.5, 9];
        var builder = new CaseBuilder(device: null);
        builder.Store("y", activation.Apply(builder.Given(DType.Float32, [numbers.Length], numbers)));
        var found = OperatorChecks.Run(builder.Graph.Nodes, builder)["y"];
        for (var i = 0; i < numbers.Length; i++)
            Assert.That(found[i], Is.EqualTo(activation.Formula((float)numbers[i])).Within(1e-6), $"{activation} of {numbers[i]}");
    }

    [Test]
    public void Far_tails_and_special_values_follow_the_rules(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(All))] Activation activation)
    {
        double[] numbers = [float.NaN, double.NegativeInfinity, double.PositiveInfinity, -1e30, 1e30, -200, 200, -1e-30];
        var builder = new CaseBuilder(TestDevices.Get(device));
        var x = builder.Given(DType.Float32, [numbers.Length], numbers);
        var y = activation.Apply(x);
        var first = builder.Graph.Gradients(Reduce.Sum(y), [x])[0];
        builder.Store("y", y);
        builder.Store("first", first);
        using var program = builder.Graph.Compile(TestDevices.Get(device));
        program.Run();
        var tensors = builder.Graph.Nodes.OfType<BoundNode>().ToDictionary(node => node.Name, node => TensorNumbers.Read(node.Tensor));
        var (values, slopes) = (tensors["y"], tensors["first"]);
        Assert.That(values[0], Is.NaN, "of NaN");
        Near(values[1], activation.Below, "at minus infinity");
        Near(values[2], activation.Above, "at infinity");
        Near(slopes[3], activation.SlopeBelow, "slope at -1e30");
        Near(slopes[4], activation.SlopeAbove, "slope at 1e30");
        Near(slopes[5], activation.SlopeBelow, "slope at -200", 3e-5);
        Near(slopes[6], activation.SlopeAbove, "slope at 200", 3e-5);
        for (var i = 3; i < 5; i++)
            Assert.That(double.IsFinite(values[i]), $"{activation} of {numbers[i]} is {values[i]}");
        for (var i = 5; i < numbers.Length; i++)
        {
            var expected = activation.Formula(numbers[i]);
            Near(values[i], double.IsFinite(expected) ? expected : activation.Above * 0 + (activation.Above > 0 ? 200 : -200), $"of {numbers[i]}", 1e-5);
        }

        void Near(double found, double expected, string what, double tolerance = 1e-6) => Assert.That(
            found, Is.EqualTo(expected).Within(double.IsFinite(expected) ? tolerance * Math.Max(1, Math.Abs(expected)) : 0), $"{activation} {what}");
    }

    [Test]
    public void Second_derivatives_do_not_overflow([ValueSource(nameof(All))] Activation activation)
    {
        double[] numbers = [-1e30, 1e30, -1e10, 1e10, -200, 200, 0];
        var builder = new CaseBuilder(TestDevice.Cpu);
        var x = builder.Given(DType.Float32, [numbers.Length], numbers);
        var first = builder.Graph.Gradients(Reduce.Sum(activation.Apply(x)), [x])[0];
        try
        {
            builder.Store("second", builder.Graph.Gradients(Reduce.Sum(first), [x])[0]);
        }
        catch (ArgumentException)
        {
            return; // The first derivative is constant.
        }

        using var program = builder.Graph.Compile(TestDevice.Cpu);
        program.Run();
        var second = TensorNumbers.Read(builder.Graph.Nodes.OfType<BoundNode>().Single(node => node.Name == "second").Tensor);
        for (var i = 0; i < numbers.Length; i++)
        {
            Assert.That(double.IsFinite(second[i]), $"{activation}: second derivative at {numbers[i]} is {second[i]}");
            if (numbers[i] != 0) Assert.That(second[i], Is.EqualTo(0).Within(3e-5), $"{activation} at {numbers[i]}");
        }
    }

    [Test]
    public void The_input_is_not_kept_where_the_output_tells_the_gradient()
    {
        string[] byInput = ["leaky relu with a negative slope", "prelu", "hard swish", "gelu", "gelu by tanh", "silu", "silu, beta 1.7", "mish"];
        foreach (var activation in All)
        {
            var graph = new Graph(training: true);
            var x = graph.Declare(DType.Float32, [4], "x");
            var y = activation.Apply(x);
            var count = graph.Nodes.Count;
            graph.Gradients(Reduce.Sum(y), [x]);
            var readers = graph.Nodes.Skip(count).Where(node => node.Reads(x));
            Assert.That(readers.Any(), Is.EqualTo(byInput.Contains(activation.Name)), activation.Name);
        }
    }

    [Test]
    public void Arguments_outside_their_range_are_refused()
    {
        var x = new Graph(training: false).Declare(DType.Float32, [2, 4], "x");
        Assert.Throws<ArgumentOutOfRangeException>(() => Activations.Elu(x, 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Activations.Celu(x, -1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Activations.Softplus(x, 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Activations.HardTanh(x, 1f, 1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Activations.Maxout(x, 0));
    }
}
