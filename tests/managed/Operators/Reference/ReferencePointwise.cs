using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferencePointwise
{
    public static void Run(Interpreter run, PointwiseNode node)
    {
        var outputs = node.Outputs.Select(output => new double[output.Shape.Count]).ToArray();
        var inputs = new double[node.Inputs.Count];
        var position = 0;
        foreach (var index in Indexing.All(node.Shape))
        {
            for (var i = 0; i < inputs.Length; i++)
                inputs[i] = run[node.Inputs[i]!][Indexing.Broadcast(node.Inputs[i]!.Shape, index)];
            var results = Evaluate(node.Expression, inputs);
            for (var i = 0; i < outputs.Length; i++) outputs[i][position] = Round(results[i], node.Outputs[i].DType);
            position++;
        }

        for (var i = 0; i < outputs.Length; i++) run.Set(node.Outputs[i], outputs[i]);
    }

    /// <summary>Applies an epilogue to the finished elements of an operator.</summary>
    public static double[] Epilogue(Interpreter run, Node node, Expression? epilogue, int firstInput, double[] finished)
    {
        if (epilogue is null) return finished;
        var results = new double[finished.Length];
        var inputs = new double[1 + node.Inputs.Count - firstInput];
        for (var i = 0; i < results.Length; i++)
        {
            inputs[0] = finished[i];
            for (var k = 1; k < inputs.Length; k++) inputs[k] = run[node.Inputs[firstInput + k - 1]!][i];
            results[i] = Evaluate(epilogue, inputs)[0];
        }

        return results;
    }

    /// <summary>The outputs of an expression.</summary>
    public static double[] Evaluate(Expression expression, ReadOnlySpan<double> inputs)
    {
        var values = new double[expression.Instructions.Length];
        var outputs = new double[expression.OutputCount];
        for (var i = 0; i < values.Length; i++)
        {
            var instruction = expression.Instructions[i];
            if (instruction.Opcode == Opcode.Output) outputs[instruction.B] = values[instruction.A];
            else values[i] = Evaluate(instruction, values, inputs);
        }

        return outputs;
    }

    /// <summary>Rounds to a data type as the engine's outputs are: to nearest even, saturated.</summary>
    public static double Round(double value, DType dtype) => dtype switch
    {
        DType.UInt8 => Math.Clamp(Math.Round(value), 0, 255),
        DType.Int32 => Math.Clamp(Math.Round(value), int.MinValue, int.MaxValue),
        DType.Int64 => Math.Round(value),
        DType.Float16 => (double)(Half)value,
        DType.BFloat16 => BFloat16(value),
        _ => value,
    };

    private static double BFloat16(double value)
    {
        var bits = BitConverter.SingleToUInt32Bits((float)value);
        bits += 0x7FFF + ((bits >> 16) & 1);
        return BitConverter.UInt32BitsToSingle(bits & 0xFFFF0000);
    }

    private static double Evaluate(DeepNative.Operators.Instruction instruction, double[] values, ReadOnlySpan<double> inputs)
    {
        var (a, b, c) = (values[instruction.A], values[instruction.B], values[instruction.C]);
        return instruction.Opcode switch
        {
            Opcode.Input => inputs[instruction.A],
            Opcode.Constant => instruction.Value,
            Opcode.Add => a + b,
            Opcode.Sub => a - b,
            Opcode.Mul => a * b,
            Opcode.Div => a / b,
            Opcode.Min => Math.Min(a, b),
            Opcode.Max => Math.Max(a, b),
            Opcode.Pow => Math.Pow(a, b),
            Opcode.Lt => a < b ? 1 : 0,
            Opcode.Le => a <= b ? 1 : 0,
            Opcode.Gt => a > b ? 1 : 0,
            Opcode.Ge => a >= b ? 1 : 0,
            Opcode.Eq => a == b ? 1 : 0,
            Opcode.Ne => a != b ? 1 : 0,
            Opcode.Select => a != 0 ? b : c,
            Opcode.Neg => -a,
            Opcode.Abs => Math.Abs(a),
            Opcode.Sqrt => Math.Sqrt(a),
            Opcode.Rsqrt => 1 / Math.Sqrt(a),
            Opcode.Exp => Math.Exp(a),
            Opcode.Expm1 => ScalarMath.Expm1(a),
            Opcode.Log => Math.Log(a),
            Opcode.Log1p => ScalarMath.Log1p(a),
            Opcode.Tanh => Math.Tanh(a),
            Opcode.Sigmoid => 1 / (1 + Math.Exp(-a)),
            Opcode.Erf => ScalarMath.Erf(a),
            Opcode.Floor => Math.Floor(a),
            _ => throw new ArgumentOutOfRangeException(nameof(instruction), instruction.Opcode, "no reference for this opcode."),
        };
    }
}
