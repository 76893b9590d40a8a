using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = ln(1 + exp(beta * input)) / beta, of every element, without overflow.</summary>
/// <param name="beta">The steepness, above 0.</param>
public sealed class Softplus(float beta = 1f) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Softplus(input, beta);
}
