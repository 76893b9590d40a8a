using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// The fully connected nets of LeCun, Bottou, Bengio, Haffner ("Gradient-based learning applied to document recognition",
/// 1998, there with tanh): 784-10 with 12.0 % test error on MNIST, 784-300-10 with 4.7 % and 784-300-100-10 with 3.05 %;
/// with distorted pictures 3.6 % and 2.45 %. 7,850; 238,510 and 266,610 parameters.
/// </summary>
public static class LeNet300
{
    /// <summary>Makes the layers: input (N, 1, 28, 28), output (N, 10) logits.</summary>
    /// <returns>The model.</returns>
    public static Sequential Create() => Create(new Shape(1, 28, 28), classes: 10);

    /// <summary>Makes the layers for inputs of any shape.</summary>
    /// <param name="input">One input, without the batch axis.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    public static Sequential Create(Shape input, int classes) => Create(input, classes, 300, 100);

    /// <summary>Makes a net with other hidden layers, or none.</summary>
    /// <param name="input">One input, without the batch axis.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="hidden">The hidden layers' units, each at least 1.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    public static Sequential Create(Shape input, int classes, params ReadOnlySpan<int> hidden)
    {
        var layers = new List<Layer> { new Flatten() };
        var inputs = checked((int)input.Count);
        foreach (var units in hidden)
        {
            layers.AddRange([new Linear(inputs, units), new ReLU()]);
            inputs = units;
        }

        layers.Add(new Linear(inputs, classes));
        return new Sequential([.. layers]);
    }
}
