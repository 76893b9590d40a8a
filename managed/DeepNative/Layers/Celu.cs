using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = input where it is above 0, alpha * (exp(input / alpha) - 1) elsewhere (Barron 2017).</summary>
/// <param name="alpha">Minus the limit at minus infinity, above 0.</param>
public sealed class Celu(float alpha = 1f) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Celu(input, alpha);
}
