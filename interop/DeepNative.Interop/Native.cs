using System.Text.Unicode;

namespace DeepNative.Interop;

internal static unsafe partial class Native
{
    /// <summary>The engine's file name without prefix and suffix.</summary>
    internal const string Library = "deepnative";

    /// <summary>Adds an operator whose attributes are a struct of the header.</summary>
    /// <param name="program">The program, not yet compiled.</param>
    /// <param name="kind">Which operator.</param>
    /// <param name="name">For errors and reports, usually the layer's; at most 255 bytes of UTF-8 are kept.</param>
    /// <param name="attributes">The kind's struct; pointers in it must be fixed for the call.</param>
    /// <param name="inputs">Tensor ids; -1 for an absent one.</param>
    /// <param name="outputs">Tensor ids; -1 for an absent one.</param>
    internal static void ProgramOperator<TAttributes>(
        ProgramHandle program, OperatorKind kind, string? name, in TAttributes attributes,
        ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs)
        where TAttributes : unmanaged
    {
        fixed (void* pointer = &attributes)
            AddOperator(program, kind, name, pointer, inputs, outputs);
    }

    /// <summary>Adds an operator that has no attributes.</summary>
    internal static void ProgramOperator(
        ProgramHandle program, OperatorKind kind, string? name, ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs) =>
        AddOperator(program, kind, name, null, inputs, outputs);

    private static void AddOperator(
        ProgramHandle program, OperatorKind kind, string? name, void* attributes,
        ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs)
    {
        Span<byte> text = stackalloc byte[256];
        Utf8.FromUtf16(name, text[..^1], out _, out var length);
        text[length] = 0;
        fixed (byte* namePointer = text)
        fixed (int* inputPointer = inputs, outputPointer = outputs)
        {
            var description = new Operator
            {
                Kind = kind,
                Name = name is null ? null : namePointer,
                Attributes = attributes,
                Inputs = inputPointer,
                Outputs = outputPointer,
                InputCount = inputs.Length,
                OutputCount = outputs.Length,
            };
            ProgramOperator(program, in description);
        }
    }
}
