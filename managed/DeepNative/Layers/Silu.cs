using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = input * sigmoid(beta * input), also called swish (Ramachandran, Zoph, Le 2017).</summary>
/// <param name="beta">The steepness.</param>
public sealed class Silu(float beta = 1f) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Silu(input, beta);
}
