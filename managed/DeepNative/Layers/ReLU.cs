using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = max(input, 0), of every element; NaN stays NaN.</summary>
public sealed class ReLU : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Relu(input);
}
