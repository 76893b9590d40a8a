using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = tanh(input), of every element.</summary>
public sealed class Tanh : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Pointwise.Tanh(input);
}
