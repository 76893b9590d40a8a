using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = 1 where the input is above 0, else 0, the step function; the gradient is 0.</summary>
public sealed class Heaviside : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Heaviside(input);
}
