using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// The convolutional net of four layers for CIFAR-10 with which Krizhevsky, Sutskever, Hinton ("ImageNet classification with
/// deep convolutional neural networks", 2012, figure 1) compare ReLU and tanh: 32, 32 and 64 maps of 5 x 5 windows, each
/// pooled 3 x 3 / 2, and the classes; 89,578 parameters, as cuda-convnet's and Caffe's "cifar10 full".
/// </summary>
public static class CifarQuick
{
    private const int Least = 12;

    /// <summary>Makes the layers: "conv1", "conv2", "conv3", "fc".</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 32, 32), at least 12 x 12 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="tanh">Whether the units are tanh instead of ReLU.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential Create(Shape input, int classes, bool tanh = false)
    {
        var channels = PictureNet.Channels("cifar-quick", input, Least);
        var initializer = tanh ? Initializer.LeCunNormal : Initializer.HeNormal;
        Layer Unit() => tanh ? new Tanh() : new ReLU();
        Conv2d Convolve(int inputs, int outputs) => new(
            inputs, outputs, kernel: 5, padding: 2, weightInitializer: initializer, biasInitializer: Initializer.Zeros);
        return new Sequential(
        [
            ("conv1", Convolve(channels, 32)), ("unit1", Unit()), ("pool1", new MaxPool2d(3, stride: 2, ceilMode: true)),
            ("conv2", Convolve(32, 32)), ("unit2", Unit()), ("pool2", new AvgPool2d(3, stride: 2, ceilMode: true)),
            ("conv3", Convolve(32, 64)), ("unit3", Unit()), ("pool3", new AvgPool2d(3, stride: 2, ceilMode: true)),
            ("flatten", new Flatten()), ("fc", PictureNet.Classifier(checked((int)(64 * Pooled(input[1]) * Pooled(input[2]))), classes)),
        ]);

        // Halved three times.
        static long Pooled(long extent) => extent / 8;
    }
}
