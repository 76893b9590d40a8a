using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// output = input * the normal distribution's probability below it (Hendrycks, Gimpel: "Gaussian error
/// linear units", 2016).
/// </summary>
/// <param name="form">How the probability is computed.</param>
public sealed class Gelu(GeluForm form = GeluForm.Exact) : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => Activations.Gelu(input, form);
}
