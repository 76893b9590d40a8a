using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>output = min(max(input, 0), 6), of every element.</summary>
public sealed class ReLU6 : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Relu6(input);
}
