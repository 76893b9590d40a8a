using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = input / (1 + |input|), of every element.</summary>
public sealed class Softsign : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Softsign(input);
}
