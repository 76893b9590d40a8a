using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = 1 / (1 + exp(-input)), of every element.</summary>
public sealed class Sigmoid : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Pointwise.Sigmoid(input);
}
