using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = -ln(1 + exp(-input)), of every element, without overflow.</summary>
public sealed class LogSigmoid : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.LogSigmoid(input);
}
