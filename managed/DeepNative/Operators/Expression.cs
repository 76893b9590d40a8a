using System.Collections.Immutable;
using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// An element-wise function of some inputs with one or more outputs, as a list of instructions in static
/// single assignment form: instruction i defines value i. Made by <see cref="ExpressionBuilder"/>, which
/// gives equal functions equal lists wherever its rules see that they are equal.
/// </summary>
internal sealed class Expression : IEquatable<Expression>
{
    private readonly int[] _outputs;

    public Expression(ImmutableArray<Instruction> instructions)
    {
        Instructions = instructions;
        var outputs = new SortedDictionary<int, int>();
        foreach (var instruction in instructions)
        {
            if (instruction.Opcode == Opcode.Input) InputCount = Math.Max(InputCount, instruction.A + 1);
            if (instruction.Opcode == Opcode.Output) outputs.Add(instruction.B, instruction.A);
        }

        _outputs = [.. outputs.Values];
    }

    public ImmutableArray<Instruction> Instructions { get; }

    /// <summary>One more than the largest input index used.</summary>
    public int InputCount { get; }

    public int OutputCount => _outputs.Length;

    /// <summary>Whether it only passes inputs on.</summary>
    public bool IsCopy => Instructions.All(i => i.Opcode is Opcode.Input or Opcode.Output);

    /// <summary>The index of the value that becomes an output.</summary>
    public int OutputValue(int output) => _outputs[output];

    /// <summary>Whether any instruction reads this input.</summary>
    public bool Uses(int input) => Instructions.Any(i => i.Opcode == Opcode.Input && i.A == input);

    /// <summary>The engine's form of the list.</summary>
    public Interop.Instruction[] ToNative() => [.. Instructions.Select(i => new Interop.Instruction
    {
        Opcode = i.Opcode,
        A = i.A,
        B = i.B,
        C = i.C,
        Value = i.Value,
    })];

    public bool Equals(Expression? other) =>
        other is not null && Instructions.AsSpan().SequenceEqual(other.Instructions.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as Expression);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var instruction in Instructions) hash.Add(instruction);
        return hash.ToHashCode();
    }

    public override string ToString() => string.Join("; ", Instructions.Select((i, index) => i.Opcode switch
    {
        Opcode.Input => $"v{index} = input {i.A}",
        Opcode.Constant => $"v{index} = {i.Value:R}",
        Opcode.Output => $"output {i.B} = v{i.A}",
        _ => $"v{index} = {i.Opcode} {i.A} {i.B} {i.C}",
    }));
}
