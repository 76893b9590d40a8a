using DeepNative.Layers;
using DeepNative.Losses;

namespace DeepNative.Models;

/// <summary>
/// The perceptron (Rosenblatt 1958): linear units, of which the largest names the class, trained by
/// <see cref="PerceptronCriterion"/>. It learns what hyperplanes separate, and nothing else.
/// </summary>
public static class Perceptron
{
    /// <summary>Makes one unit for each class; "1.weight", "1.bias".</summary>
    /// <param name="input">One input, without the batch axis.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <returns>The model: output (N, classes), the units' sums.</returns>
    public static Sequential Create(Shape input, int classes) => new(
        new Flatten(), new Linear(checked((int)input.Count), classes, weightInitializer: Initializer.Zeros, biasInitializer: Initializer.Zeros));

    /// <summary>A threshold logic unit (McCulloch, Pitts 1943): 1 where weights * input + bias is above 0, else 0.</summary>
    /// <param name="weights">A weight for each input.</param>
    /// <param name="bias">Minus the threshold.</param>
    /// <returns>The model: input (N, weights), output (N, 1).</returns>
    public static Sequential Unit(ReadOnlySpan<float> weights, float bias) => new(
        new Linear(weights.Length, 1, weightInitializer: Initializer.Of(weights), biasInitializer: Initializer.Constant(bias)), new Heaviside());
}
