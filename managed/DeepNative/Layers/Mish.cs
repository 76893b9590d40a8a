using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = input * tanh(ln(1 + exp(input))) (Misra: "Mish", 2019).</summary>
public sealed class Mish : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Mish(input);
}
