using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// output = the first half of the channels times the sigmoid of the second (Dauphin et al.: "Language modeling with
/// gated convolutional networks", 2017).
/// </summary>
/// <param name="axis">The axis of the channels; 1 for (N, C, ...).</param>
public sealed class Glu(int axis = 1) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Glu(input, axis);
}
