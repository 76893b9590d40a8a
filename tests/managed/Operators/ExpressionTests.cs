using DeepNative.Interop;
using DeepNative.Operators;
using DeepNative.Tests.Operators.Reference;
using FsCheck;
using FsCheck.Fluent;

namespace DeepNative.Tests.Operators;

internal sealed class ExpressionTests
{
    private static readonly Opcode[] _smooth =
    [
        Opcode.Add, Opcode.Sub, Opcode.Mul, Opcode.Tanh, Opcode.Sigmoid, Opcode.Erf, Opcode.Neg, Opcode.Expm1, Opcode.Min, Opcode.Max,
    ];

    [Test]
    public void Relu_and_its_gradient_are_the_lists_that_the_engine_looks_for()
    {
        Assert.That(Activations.ReluExpression.ToString(), Is.EqualTo("v0 = input 0; v1 = 0; v2 = Max 0 1 0; output 0 = v2"));
        Assert.That(Activations.ReluGradientExpression.ToString(), Is.EqualTo("v0 = input 0; v1 = input 1; v2 = 0; v3 = Gt 1 2 0; v4 = Mul 0 3 0; output 0 = v4"));
    }

    [Test]
    public void The_generic_rule_gives_relu_the_same_gradient()
    {
        var derivative = ExpressionDerivative.Build(Activations.ReluExpression, 1, 0, [true])!;
        Assert.That(derivative.ToString(), Is.EqualTo("v0 = input 0; v1 = input 2; v2 = 0; v3 = Gt 1 2 0; v4 = Mul 0 3 0; output 0 = v4"), "input 2 is the output");
    }

    [Test]
    public void Every_opcode_has_a_derivative_rule()
    {
        var leaves = new[] { Opcode.Input, Opcode.Constant, Opcode.Output };
        Assert.That(ExpressionDerivative.Known, Is.EquivalentTo(Enum.GetValues<Opcode>().Except(leaves)));
    }

    [TestCase("x + 0", 0, ExpectedResult = "x")]
    [TestCase("0 + x", 1, ExpectedResult = "x")]
    [TestCase("x - 0", 2, ExpectedResult = "x")]
    [TestCase("0 - x", 3, ExpectedResult = "Neg x")]
    [TestCase("x * 1", 4, ExpectedResult = "x")]
    [TestCase("x / 1", 5, ExpectedResult = "x")]
    [TestCase("x * -1", 6, ExpectedResult = "Neg x")]
    [TestCase("x * 0", 7, ExpectedResult = "Mul x 0")]
    [TestCase("2 + 3", 8, ExpectedResult = "5")]
    [TestCase("-(-x)", 9, ExpectedResult = "x")]
    [TestCase("y - (-x)", 10, ExpectedResult = "Add y x")]
    [TestCase("x ^ 2", 11, ExpectedResult = "Mul x x")]
    [TestCase("1 ? x : y", 12, ExpectedResult = "x")]
    [TestCase("x ? y : y", 13, ExpectedResult = "y")]
    [TestCase("x * y + y * x", 14, ExpectedResult = "Add (Mul x y) (Mul x y)")]
    public string Building_simplifies(string what, int index)
    {
        Func<ExpressionBuilder, int, int, int>[] build =
        [
            (e, x, _) => e.Add(x, e.Constant(0f)),
            (e, x, _) => e.Add(e.Constant(0f), x),
            (e, x, _) => e.Sub(x, e.Constant(0f)),
            (e, x, _) => e.Sub(e.Constant(0f), x),
            (e, x, _) => e.Mul(x, e.Constant(1f)),
            (e, x, _) => e.Div(x, e.Constant(1f)),
            (e, x, _) => e.Mul(x, e.Constant(-1f)),
            (e, x, _) => e.Mul(x, e.Constant(0f)),
            (e, _, _) => e.Add(e.Constant(2f), e.Constant(3f)),
            (e, x, _) => e.Unary(Opcode.Neg, e.Unary(Opcode.Neg, x)),
            (e, x, y) => e.Sub(y, e.Unary(Opcode.Neg, x)),
            (e, x, _) => e.Binary(Opcode.Pow, x, e.Constant(2f)),
            (e, x, y) => e.Select(e.Constant(1f), x, y),
            (e, x, y) => e.Select(x, y, y),
            (e, x, y) => e.Add(e.Mul(x, y), e.Mul(y, x)),
        ];
        var expression = Pointwise.Compose(2, (e, v) => [build[index](e, v[0], v[1])]);
        return Text(expression, expression.OutputValue(0));
    }

    [Test]
    public void Equal_parts_are_computed_once()
    {
        var expression = Pointwise.Compose(2, (e, v) => [e.Add(e.Mul(v[0], v[1]), e.Mul(v[1], v[0]))]);
        Assert.That(expression.Instructions, Has.Length.EqualTo(5));
    }

    [Test]
    public void Zeros_of_different_sign_are_different_constants()
    {
        var expression = Pointwise.Compose(1, (e, v) => [e.Div(v[0], e.Constant(0f)), e.Div(v[0], e.Constant(-0f))]);
        Assert.That(ReferencePointwise.Evaluate(expression, [1.0]), Is.EqualTo(new[] { double.PositiveInfinity, double.NegativeInfinity }));
    }

    [Test]
    public void Folding_agrees_with_evaluation()
    {
        double[] numbers = [-2.5, -1, -0.3, 0, 0.4, 1, 3.75, double.PositiveInfinity, double.NaN];
        foreach (var opcode in Enum.GetValues<Opcode>().Where(o => ExpressionBuilder.Operands(o) is 1 or 2 && o != Opcode.Output))
        {
            foreach (var (a, b) in numbers.SelectMany(a => numbers.Select(b => (a, b))))
            {
                var unary = ExpressionBuilder.IsUnary(opcode);
                var folded = Pointwise.Compose(0, (e, _) => [unary ? e.Unary(opcode, e.Constant((float)a)) : e.Binary(opcode, e.Constant((float)a), e.Constant((float)b))]);
                Assert.That(folded.Instructions, Has.Length.EqualTo(2), $"{opcode} {a} {b}");
                var instruction = new DeepNative.Operators.Instruction(opcode, 0, unary ? 0 : 1);
                var expected = ReferencePointwise.Evaluate(
                    new Expression([new(Opcode.Input), new(Opcode.Input, 1), instruction, new(Opcode.Output, 2)]), [(float)a, (float)b])[0];
                Assert.That(folded.Instructions[0].Value, Is.EqualTo((float)expected).Within(4).Ulps, $"{opcode} {a} {b}");
            }
        }
    }

    [Test]
    public void Derivatives_of_random_expressions_are_those_of_central_differences()
    {
        var seeds = Gen.Choose(0, int.MaxValue - 1).ToArbitrary();
        var property = Prop.ForAll(seeds, seed =>
        {
            var random = new System.Random(seed);
            var expression = RandomExpression(random, inputs: 3, outputs: 2);
            double[] inputs = [.. Enumerable.Range(0, 3).Select(_ => random.NextDouble() * 2 - 1)];
            double[] gradients = [random.NextDouble() + 0.5, random.NextDouble() + 0.5];
            for (var input = 0; input < 3; input++)
            {
                var expected = Difference(expression, inputs, gradients, input);
                var derivative = ExpressionDerivative.Build(expression, 3, input, [true, true]);
                double[] terms = [.. gradients, .. inputs, .. ReferencePointwise.Evaluate(expression, inputs)];
                var actual = derivative is null ? 0 : ReferencePointwise.Evaluate(derivative, terms)[0];
                Assert.That(actual, Is.EqualTo(expected).Within(1e-5 * (1 + Math.Abs(expected))), $"by input {input} of {expression}");
            }
        });
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), property);
    }

    [TestCase(0.0, 0.0)]
    [TestCase(0.5, 0.5204998778130465)]
    [TestCase(1.0, 0.8427007929497149)]
    [TestCase(2.0, 0.9953222650189527)]
    [TestCase(-3.0, -0.9999779095030014)]
    [TestCase(3.5, 0.9999992569016276)]
    [TestCase(7.0, 1.0)]
    public void Erf_is_that_of_the_tables(double x, double expected) =>
        Assert.That(ScalarMath.Erf(x), Is.EqualTo(expected).Within(1e-15));

    [TestCase(1e-12)]
    [TestCase(-1e-9)]
    [TestCase(0.3)]
    [TestCase(-0.9)]
    [TestCase(5.0)]
    public void Expm1_and_log1p_undo_each_other(double x) =>
        Assert.That(ScalarMath.Log1p(ScalarMath.Expm1(x)), Is.EqualTo(x).Within(1e-14 * Math.Abs(x)));

    private static double Difference(Expression expression, double[] inputs, double[] gradients, int input)
    {
        const double Step = 1e-6;
        double At(double x)
        {
            var moved = inputs.ToArray();
            moved[input] = x;
            var outputs = ReferencePointwise.Evaluate(expression, moved);
            return outputs.Zip(gradients, (o, g) => o * g).Sum();
        }

        return (At(inputs[input] + Step) - At(inputs[input] - Step)) / (2 * Step);
    }

    private static Expression RandomExpression(System.Random random, int inputs, int outputs) => Pointwise.Compose(inputs, (e, v) =>
    {
        var values = v.ToList();
        values.Add(e.Constant(0.25f + random.Next(4)));
        for (var i = 0; i < 10; i++)
        {
            var opcode = _smooth[random.Next(_smooth.Length)];
            var (a, b) = (values[random.Next(values.Count)], values[random.Next(values.Count)]);
            values.Add(ExpressionBuilder.IsUnary(opcode) ? e.Unary(opcode, a) : e.Binary(opcode, a, b));
        }

        // tanh keeps repeated products in range
        return [.. Enumerable.Range(0, outputs).Select(i => e.Unary(Opcode.Tanh, values[^(i + 1)]))];
    });

    private static string Text(Expression expression, int index)
    {
        var instruction = expression.Instructions[index];
        string Operand(int i)
        {
            var text = Text(expression, i);
            return text.Contains(' ', StringComparison.Ordinal) ? $"({text})" : text;
        }

        return instruction.Opcode switch
        {
            Opcode.Input => instruction.A == 0 ? "x" : "y",
            Opcode.Constant => $"{instruction.Value}",
            var o when ExpressionBuilder.IsUnary(o) => $"{o} {Operand(instruction.A)}",
            var o => $"{o} {Operand(instruction.A)} {Operand(instruction.B)}",
        };
    }
}
