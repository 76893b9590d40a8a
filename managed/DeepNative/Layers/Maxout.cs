using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// output = the largest of each k neighbouring channels (Goodfellow et al.: "Maxout networks", 2013):
/// behind a linear layer or a convolution of k times as many outputs, the maximum of k linear pieces.
/// </summary>
/// <param name="pieces">k, at least 1, divides the number of channels.</param>
/// <param name="axis">The axis of the channels; 1 for (N, C, ...).</param>
public sealed class Maxout(int pieces, int axis = 1) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Maxout(input, pieces, axis);
}
