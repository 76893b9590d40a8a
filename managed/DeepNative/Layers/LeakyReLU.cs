using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = input where it is above 0, slope * input elsewhere.</summary>
/// <param name="slope">The factor of negative inputs.</param>
public sealed class LeakyReLU(float slope = 0.01f) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.LeakyRelu(input, slope);
}
