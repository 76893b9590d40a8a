using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Defines one value of an expression: A, B and C are indices of earlier values, or of the input
/// (Input: A) or output (Output: B). Unused fields are 0.
/// </summary>
internal readonly record struct Instruction(Opcode Opcode, int A = 0, int B = 0, int C = 0, float Value = 0f)
{
    // By bits: 0 and -0 are different constants, NaN is the same as itself.
    public bool Equals(Instruction other) =>
        Opcode == other.Opcode && A == other.A && B == other.B && C == other.C
        && BitConverter.SingleToInt32Bits(Value) == BitConverter.SingleToInt32Bits(other.Value);

    public override int GetHashCode() => HashCode.Combine(Opcode, A, B, C, BitConverter.SingleToInt32Bits(Value));
}
