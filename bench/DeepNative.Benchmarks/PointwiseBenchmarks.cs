using DeepNative.Interop;

namespace DeepNative.Benchmarks;

/// <summary>Expressions bound by memory, one bound by arithmetic, one with a broadcast input.</summary>
public unsafe class PointwiseBenchmarks : OperatorBenchmarks
{
    private static readonly long[] _shape = [100, 32, 24, 24];
    private static readonly long _count = _shape.Aggregate((a, b) => a * b);

    public static IEnumerable<OperatorCase> Cases =>
    [
        Expression("relu", [_shape],
            [Input(0), Constant(0), Binary(Opcode.Max, 0, 1), Output(2)]),
        Expression("relu(a + b)", [_shape, _shape],
            [Input(0), Input(1), Binary(Opcode.Add, 0, 1), Constant(0), Binary(Opcode.Max, 2, 3), Output(4)]),
        Expression("a + channel bias", [_shape, [1, 32, 1, 1]],
            [Input(0), Input(1), Binary(Opcode.Add, 0, 1), Output(2)]),
        Expression("tanh", [_shape],
            [Input(0), new Instruction { Opcode = Opcode.Tanh, A = 0 }, Output(1)]),
    ];

    private static OperatorCase Expression(string name, long[][] inputs, Instruction[] instructions)
    {
        var bytes = sizeof(float) * (inputs.Sum(dims => dims.Aggregate((a, b) => a * b)) + _count);
        return new OperatorCase(name, 0, bytes, program =>
        {
            var ids = Array.ConvertAll(inputs, dims => program.Tensor(dims));
            fixed (Instruction* pointer = instructions)
            {
                var attributes = new PointwiseAttributes { InstructionCount = instructions.Length, Instructions = pointer };
                program.Operator(OperatorKind.Pointwise, attributes, ids, [program.Tensor(_shape)]);
            }
        });
    }

    private static Instruction Input(int index) => new() { Opcode = Opcode.Input, A = index };

    private static Instruction Constant(float value) => new() { Opcode = Opcode.Constant, Value = value };

    private static Instruction Binary(Opcode opcode, int a, int b) => new() { Opcode = opcode, A = a, B = b };

    private static Instruction Output(int value) => new() { Opcode = Opcode.Output, A = value, B = 0 };
}
