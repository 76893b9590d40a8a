using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// output = input * min(max(input + 3, 0), 6) / 6 (Howard et al.: "Searching for MobileNetV3", 2019).
/// </summary>
public sealed class HardSwish : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.HardSwish(input);
}
