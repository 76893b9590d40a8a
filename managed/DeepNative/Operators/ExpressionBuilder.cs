using System.Collections.Immutable;
using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Builds an expression value by value. Equal values are built once, operations on constants are done,
/// and operations that change nothing disappear, all without changing a result but the sign of a zero.
/// x * 0 stays: it is NaN for an infinite x.
/// </summary>
internal sealed class ExpressionBuilder
{
    private readonly List<Instruction> _values = [];
    private readonly Dictionary<Instruction, int> _known = [];

    public int Input(int input) => Intern(new Instruction(Opcode.Input, input));

    public int Constant(float value) => Intern(new Instruction(Opcode.Constant, Value: value));

    public int Unary(Opcode opcode, int a)
    {
        if (IsConstant(a, out var x)) return Constant(Fold(opcode, x));
        var inner = _values[a];
        if (opcode == Opcode.Neg && inner.Opcode == Opcode.Neg) return inner.A;
        if (opcode == Opcode.Abs && inner.Opcode is Opcode.Abs) return a;
        if (opcode == Opcode.Abs && inner.Opcode is Opcode.Neg) return Unary(Opcode.Abs, inner.A);
        return Intern(new Instruction(opcode, a));
    }

    public int Binary(Opcode opcode, int a, int b)
    {
        var left = IsConstant(a, out var x);
        var right = IsConstant(b, out var y);
        if (left && right) return Constant(Fold(opcode, x, y));
        switch (opcode)
        {
            case Opcode.Add:
                if (right && y == 0f) return a;
                if (left && x == 0f) return b;
                if (_values[b].Opcode == Opcode.Neg) return Binary(Opcode.Sub, a, _values[b].A);
                break;
            case Opcode.Sub:
                if (right && y == 0f) return a;
                if (left && x == 0f) return Unary(Opcode.Neg, b);
                if (_values[b].Opcode == Opcode.Neg) return Binary(Opcode.Add, a, _values[b].A);
                break;
            case Opcode.Mul:
                if (right && y == 1f) return a;
                if (left && x == 1f) return b;
                if (right && y == -1f) return Unary(Opcode.Neg, a);
                if (left && x == -1f) return Unary(Opcode.Neg, b);
                break;
            case Opcode.Div:
                if (right && y == 1f) return a;
                if (right && y == -1f) return Unary(Opcode.Neg, a);
                break;
            case Opcode.Pow:
                if (right && y == 1f) return a;
                if (right && y == 2f) return Binary(Opcode.Mul, a, a);
                break;
            case Opcode.Min or Opcode.Max:
                if (a == b) return a;
                break;
        }

        return Intern(new Instruction(opcode, a, b));
    }

    public int Select(int condition, int a, int b)
    {
        if (a == b) return a;
        if (IsConstant(condition, out var c)) return c != 0f ? a : b;
        return Intern(new Instruction(Opcode.Select, condition, a, b));
    }

    public int Add(int a, int b) => Binary(Opcode.Add, a, b);

    public int Sub(int a, int b) => Binary(Opcode.Sub, a, b);

    public int Mul(int a, int b) => Binary(Opcode.Mul, a, b);

    public int Div(int a, int b) => Binary(Opcode.Div, a, b);

    public bool IsConstant(int index, out float value)
    {
        value = _values[index].Value;
        return _values[index].Opcode == Opcode.Constant;
    }

    /// <summary>Builds another expression's values on top of these.</summary>
    /// <param name="expression">The expression.</param>
    /// <param name="inputs">The value here that stands for each of its inputs.</param>
    /// <param name="known">Gives the value here of an instruction that is not to be built; null: build it.</param>
    /// <returns>The value here of each of its values; an output instruction's entry is the value it names.</returns>
    public int[] Append(Expression expression, ReadOnlySpan<int> inputs, Func<int, Instruction, int?>? known = null)
    {
        var map = new int[expression.Instructions.Length];
        for (var i = 0; i < map.Length; i++)
        {
            var instruction = expression.Instructions[i];
            map[i] = known?.Invoke(i, instruction) ?? instruction.Opcode switch
            {
                Opcode.Input => inputs[instruction.A],
                Opcode.Constant => Constant(instruction.Value),
                Opcode.Output => map[instruction.A],
                Opcode.Select => Select(map[instruction.A], map[instruction.B], map[instruction.C]),
                _ when IsUnary(instruction.Opcode) => Unary(instruction.Opcode, map[instruction.A]),
                _ => Binary(instruction.Opcode, map[instruction.A], map[instruction.B]),
            };
        }

        return map;
    }

    /// <summary>
    /// The expression with these values as outputs: what they need and no more, each operand before its
    /// user, left operands first. The engine recognises some lists, so the order is part of the contract.
    /// </summary>
    public Expression Build(ReadOnlySpan<int> outputs)
    {
        var instructions = ImmutableArray.CreateBuilder<Instruction>();
        var placed = new Dictionary<int, int>();
        foreach (var output in outputs) Place(output);
        for (var i = 0; i < outputs.Length; i++) instructions.Add(new Instruction(Opcode.Output, placed[outputs[i]], i));
        return new Expression(instructions.ToImmutable());

        int Place(int index)
        {
            if (placed.TryGetValue(index, out var place)) return place;
            var instruction = _values[index];
            instruction = Operands(instruction.Opcode) switch
            {
                0 => instruction,
                1 => instruction with { A = Place(instruction.A) },
                2 => instruction with { A = Place(instruction.A), B = Place(instruction.B) },
                _ => instruction with { A = Place(instruction.A), B = Place(instruction.B), C = Place(instruction.C) },
            };
            instructions.Add(instruction);
            return placed[index] = instructions.Count - 1;
        }
    }

    /// <summary>The number of values that an instruction reads.</summary>
    public static int Operands(Opcode opcode) => opcode switch
    {
        Opcode.Input or Opcode.Constant => 0,
        Opcode.Output => 1,
        Opcode.Select => 3,
        _ when IsUnary(opcode) => 1,
        _ => 2,
    };

    public static bool IsUnary(Opcode opcode) => opcode is >= Opcode.Neg and <= Opcode.Floor;

    private int Intern(Instruction instruction)
    {
        if (_known.TryGetValue(instruction, out var index)) return index;
        var commutes = instruction.Opcode is Opcode.Add or Opcode.Mul or Opcode.Min or Opcode.Max or Opcode.Eq or Opcode.Ne;
        if (commutes && _known.TryGetValue(instruction with { A = instruction.B, B = instruction.A }, out index)) return index;
        _values.Add(instruction);
        return _known[instruction] = _values.Count - 1;
    }

    private static float Fold(Opcode opcode, float x) => opcode switch
    {
        Opcode.Neg => -x,
        Opcode.Abs => MathF.Abs(x),
        Opcode.Sqrt => MathF.Sqrt(x),
        Opcode.Rsqrt => (float)(1.0 / Math.Sqrt(x)),
        Opcode.Exp => MathF.Exp(x),
        Opcode.Expm1 => (float)ScalarMath.Expm1(x),
        Opcode.Log => MathF.Log(x),
        Opcode.Log1p => (float)ScalarMath.Log1p(x),
        Opcode.Tanh => MathF.Tanh(x),
        Opcode.Sigmoid => (float)(1.0 / (1.0 + Math.Exp(-x))),
        Opcode.Erf => (float)ScalarMath.Erf(x),
        Opcode.Floor => MathF.Floor(x),
        _ => throw new ArgumentOutOfRangeException(nameof(opcode), opcode, "not a function of one value."),
    };

    private static float Fold(Opcode opcode, float x, float y) => opcode switch
    {
        Opcode.Add => x + y,
        Opcode.Sub => x - y,
        Opcode.Mul => x * y,
        Opcode.Div => x / y,
        Opcode.Min => MathF.Min(x, y),
        Opcode.Max => MathF.Max(x, y),
        Opcode.Pow => MathF.Pow(x, y),
        Opcode.Lt => x < y ? 1f : 0f,
        Opcode.Le => x <= y ? 1f : 0f,
        Opcode.Gt => x > y ? 1f : 0f,
        Opcode.Ge => x >= y ? 1f : 0f,
        Opcode.Eq => x == y ? 1f : 0f,
        Opcode.Ne => x != y ? 1f : 0f,
        _ => throw new ArgumentOutOfRangeException(nameof(opcode), opcode, "not a function of two values."),
    };
}
