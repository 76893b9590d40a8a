using DeepNative.Layers;
using DeepNative.Optimizers;

namespace DeepNative.Models;

/// <summary>
/// The convolutional net for MNIST of the lecture notes' PyTorch slide; 105,506 parameters, about 1 %
/// test error after 10 epochs.
/// </summary>
public static class MnistNet
{
    /// <summary>MNIST, normalised by the training set's mean and deviation; plain SGD, no momentum.</summary>
    public static Recipe Recipe { get; } = new(
        "mnist", Epochs: 10, Batch: 100, new Sgd(learningRate: 0.1f), Schedule: null, "lecture notes, PyTorch slide");

    /// <summary>Makes the layers: input (N, 1, 28, 28), output (N, 10) logits.</summary>
    /// <returns>The model.</returns>
    public static Sequential Create() => new(
        new Conv2d(1, 32, kernel: 5), // (N, 32, 24, 24)
        new MaxPool2d(3), // (N, 32, 8, 8)
        new ReLU(),
        new Conv2d(32, 64, kernel: 5), // (N, 64, 4, 4)
        new MaxPool2d(2), // (N, 64, 2, 2)
        new ReLU(),
        new Flatten(),
        new Linear(256, 200),
        new ReLU(),
        new Linear(200, 10));
}
