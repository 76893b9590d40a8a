using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// output = input where it is above 0, alpha * (exp(input) - 1) elsewhere (Clevert, Unterthiner,
/// Hochreiter: "Fast and accurate deep network learning by exponential linear units", 2016).
/// </summary>
/// <param name="alpha">Minus the limit at minus infinity.</param>
public sealed class Elu(float alpha = 1f) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Elu(input, alpha);
}
