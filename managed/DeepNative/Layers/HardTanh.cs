using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = min(max(input, minimum), maximum), of every element.</summary>
/// <param name="minimum">The least output.</param>
/// <param name="maximum">The largest output, above the least.</param>
public sealed class HardTanh(float minimum = -1f, float maximum = 1f) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.HardTanh(input, minimum, maximum);
}
