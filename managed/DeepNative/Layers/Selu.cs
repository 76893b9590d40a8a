using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// output = 1.0507 * elu(input, 1.6733) (Klambauer et al.: "Self-normalizing neural networks", 2017).
/// </summary>
public sealed class Selu : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Selu(input);
}
