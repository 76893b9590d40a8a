using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Derivatives of expressions, as expressions. The rules are one table: for each opcode, and each of its
/// operands, the operand's gradient in terms of the gradient g of the result y and the operands a, b, c.
/// </summary>
/// <remarks>
/// Rules use y where they can, and where y is an output of the expression it is read and not computed
/// again; so the input of relu, tanh, sigmoid, exp need not be kept for the backward pass.
/// Ties: min and max against a constant pass nothing at the constant (relu: g * (y > 0)); between two
/// values the second gets the gradient, also when one is NaN. Comparisons and floor have gradient 0.
/// </remarks>
internal static class ExpressionDerivative
{
    private delegate int Rule(Terms terms);

    private static readonly Rule _none = _ => Terms.Zero;

    private static readonly Dictionary<Opcode, Rule[]> _rules = new()
    {
        [Opcode.Add] = [t => t.G, t => t.G],
        [Opcode.Sub] = [t => t.G, t => t.Neg(t.G)],
        [Opcode.Mul] = [t => t.Mul(t.G, t.B), t => t.Mul(t.G, t.A)],
        [Opcode.Div] = [t => t.Div(t.G, t.B), t => t.Neg(t.Div(t.Mul(t.G, t.Y), t.B))],
        [Opcode.Min] = [t => t.WhereBeyond(Opcode.Lt, t.A, t.B), t => t.WhereNotBeyond(Opcode.Lt, t.B, t.A)],
        [Opcode.Max] = [t => t.WhereBeyond(Opcode.Gt, t.A, t.B), t => t.WhereNotBeyond(Opcode.Gt, t.B, t.A)],
        [Opcode.Pow] =
        [
            t => t.Mul(t.G, t.Mul(t.B, t.Binary(Opcode.Pow, t.A, t.Sub(t.B, t.Number(1f))))),
            t => t.Mul(t.Mul(t.G, t.Y), t.Unary(Opcode.Log, t.A)),
        ],
        [Opcode.Lt] = [_none, _none],
        [Opcode.Le] = [_none, _none],
        [Opcode.Gt] = [_none, _none],
        [Opcode.Ge] = [_none, _none],
        [Opcode.Eq] = [_none, _none],
        [Opcode.Ne] = [_none, _none],
        [Opcode.Select] = [_none, t => t.Select(t.A, t.G, t.Number(0f)), t => t.Select(t.A, t.Number(0f), t.G)],
        [Opcode.Neg] = [t => t.Neg(t.G)],
        [Opcode.Abs] =
        [
            t => t.Mul(t.G, t.Sub(t.Binary(Opcode.Gt, t.A, t.Number(0f)), t.Binary(Opcode.Lt, t.A, t.Number(0f)))),
        ],
        [Opcode.Sqrt] = [t => t.Div(t.Mul(t.G, t.Number(0.5f)), t.Y)],
        [Opcode.Rsqrt] = [t => t.Mul(t.Mul(t.G, t.Number(-0.5f)), t.Mul(t.Y, t.Mul(t.Y, t.Y)))],
        [Opcode.Exp] = [t => t.Mul(t.G, t.Y)],
        [Opcode.Expm1] = [t => t.Mul(t.G, t.Add(t.Y, t.Number(1f)))],
        [Opcode.Log] = [t => t.Div(t.G, t.A)],
        [Opcode.Log1p] = [t => t.Div(t.G, t.Add(t.A, t.Number(1f)))],
        [Opcode.Tanh] = [t => t.Mul(t.G, t.Sub(t.Number(1f), t.Mul(t.Y, t.Y)))],
        [Opcode.Sigmoid] = [t => t.Mul(t.G, t.Mul(t.Y, t.Sub(t.Number(1f), t.Y)))],
        [Opcode.Erf] =
        [
            t => t.Mul(t.Mul(t.G, t.Number((float)(2.0 / Math.Sqrt(Math.PI)))), t.Unary(Opcode.Exp, t.Neg(t.Mul(t.A, t.A)))),
        ],
        [Opcode.Floor] = [_none],
    };

    /// <summary>The opcodes that have a rule.</summary>
    public static IReadOnlyCollection<Opcode> Known => _rules.Keys;

    /// <summary>The gradient of one input, given the gradients of the outputs.</summary>
    /// <param name="expression">The expression, of k outputs.</param>
    /// <param name="inputCount">Its inputs, m; those behind the last one that it uses count too.</param>
    /// <param name="input">The input to differentiate by.</param>
    /// <param name="hasGradient">For each output, whether it has a gradient.</param>
    /// <returns>
    /// An expression of the k gradients, the m inputs and the k outputs, numbered in this order; null when
    /// the gradient is 0 everywhere.
    /// </returns>
    public static Expression? Build(Expression expression, int inputCount, int input, ReadOnlySpan<bool> hasGradient)
    {
        var builder = new ExpressionBuilder();
        var values = Values(builder, expression, inputCount);
        var depends = Dependents(expression, input);
        var gradients = new int[values.Length];
        Array.Fill(gradients, Terms.Zero);
        for (var output = 0; output < expression.OutputCount; output++)
        {
            if (hasGradient[output]) Accumulate(expression.OutputValue(output), builder.Input(output));
        }

        var result = Terms.Zero;
        for (var i = values.Length - 1; i >= 0; i--)
        {
            var instruction = expression.Instructions[i];
            if (!depends[i] || gradients[i] == Terms.Zero || instruction.Opcode == Opcode.Output) continue;
            if (instruction.Opcode == Opcode.Input)
            {
                result = Sum(result, gradients[i]);
                continue;
            }

            Span<int> operands = [instruction.A, instruction.B, instruction.C];
            var rules = _rules[instruction.Opcode];
            var terms = new Terms(builder, gradients[i], values[i], values[instruction.A], values[instruction.B], values[instruction.C]);
            for (var operand = 0; operand < rules.Length; operand++)
            {
                if (depends[operands[operand]]) Accumulate(operands[operand], rules[operand](terms));
            }
        }

        return result == Terms.Zero ? null : builder.Build([result]);

        void Accumulate(int value, int gradient) => gradients[value] = Sum(gradients[value], gradient);

        int Sum(int left, int right) =>
            left == Terms.Zero ? right : right == Terms.Zero ? left : builder.Add(left, right);
    }

    // The expression's values in the builder; those that are outputs are read back instead of computed.
    private static int[] Values(ExpressionBuilder builder, Expression expression, int inputCount)
    {
        var outputs = expression.OutputCount;
        var inputs = new int[inputCount];
        for (var i = 0; i < inputs.Length; i++) inputs[i] = builder.Input(outputs + i);
        return builder.Append(expression, inputs, (index, instruction) =>
        {
            if (instruction.Opcode is Opcode.Input or Opcode.Constant) return null;
            for (var output = 0; output < outputs; output++)
            {
                if (expression.OutputValue(output) == index) return builder.Input(outputs + inputCount + output);
            }

            return null;
        });
    }

    private static bool[] Dependents(Expression expression, int input)
    {
        var depends = new bool[expression.Instructions.Length];
        for (var i = 0; i < depends.Length; i++)
        {
            var instruction = expression.Instructions[i];
            depends[i] = ExpressionBuilder.Operands(instruction.Opcode) switch
            {
                0 => instruction.Opcode == Opcode.Input && instruction.A == input,
                1 => depends[instruction.A],
                2 => depends[instruction.A] || depends[instruction.B],
                _ => depends[instruction.A] || depends[instruction.B] || depends[instruction.C],
            };
        }

        return depends;
    }

    /// <summary>What a rule may use: indices of values in the builder.</summary>
    private readonly record struct Terms(ExpressionBuilder Builder, int G, int Y, int A, int B, int C)
    {
        public const int Zero = -1;

        public int Number(float value) => Builder.Constant(value);

        public int Unary(Opcode opcode, int a) => Builder.Unary(opcode, a);

        public int Binary(Opcode opcode, int a, int b) => Builder.Binary(opcode, a, b);

        public int Neg(int a) => Builder.Unary(Opcode.Neg, a);

        public int Add(int a, int b) => Builder.Add(a, b);

        public int Sub(int a, int b) => Builder.Sub(a, b);

        public int Mul(int a, int b) => Builder.Mul(a, b);

        public int Div(int a, int b) => Builder.Div(a, b);

        public int Select(int condition, int a, int b) => Builder.Select(condition, a, b);

        // g where x wins against the other operand. Against a constant the result tells, so x is not needed.
        public int WhereBeyond(Opcode wins, int x, int other) =>
            Mul(G, Binary(wins, Builder.IsConstant(other, out _) ? Y : x, other));

        // The rest of g: x gets it unless the other operand wins.
        public int WhereNotBeyond(Opcode wins, int x, int other) =>
            Builder.IsConstant(other, out _) ? Mul(G, Binary(wins, Y, other)) : Select(Binary(wins, other, x), Number(0f), G);
    }
}
