using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = ln(1 + exp(input)), of every element, without overflow.</summary>
public sealed class Softplus : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Pointwise.Softplus(input);
}
