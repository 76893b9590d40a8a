using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// The fully connected net 784-300-100-10 (LeCun, Bottou, Bengio, Haffner: "Gradient-based learning
/// applied to document recognition", 1998, there with tanh and 3.05 % test error); 266,610 parameters.
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
    public static Sequential Create(Shape input, int classes) => new(
        new Flatten(),
        new Linear(checked((int)input.Count), 300),
        new ReLU(),
        new Linear(300, 100),
        new ReLU(),
        new Linear(100, classes));
}
