namespace DeepNative.Layers;

/// <summary>output = exp(input) / sum of exp(input) along an axis.</summary>
/// <param name="axis">The axis that sums to 1; 1 for (N, C, ...).</param>
public sealed class Softmax(int axis = 1) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Operators.Softmax.Apply(input, axis);
}
