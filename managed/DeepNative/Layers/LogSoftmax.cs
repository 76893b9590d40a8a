namespace DeepNative.Layers;

/// <summary>output = the logarithm of the softmax along an axis.</summary>
/// <param name="axis">The axis whose exponentials sum to 1; 1 for (N, C, ...).</param>
public sealed class LogSoftmax(int axis = 1) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Operators.Softmax.Log(input, axis);
}
