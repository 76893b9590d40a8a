using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = min(max(input + 3, 0), 6) / 6, of every element.</summary>
public sealed class HardSigmoid : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.HardSigmoid(input);
}
