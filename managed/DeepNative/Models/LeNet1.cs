using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// LeNet-1 (LeCun et al.: "Handwritten digit recognition with a back-propagation network", 1990): 4 and 12 maps of 5 x 5
/// windows, each halved by averaging, and the classes; tanh. Its second convolution is fully connected here, which makes
/// 3,246 parameters of the 2,578 of the paper. 1.7 % test error on MNIST (LeCun et al. 1998).
/// </summary>
public static class LeNet1
{
    private const int Least = 16;

    /// <summary>Makes the layers: "conv1", "conv2", "fc".</summary>
    /// <param name="input">(C, H, W) of one picture, usually (1, 28, 28), at least 16 x 16 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential Create(Shape input, int classes)
    {
        var channels = PictureNet.Channels("lenet1", input, Least);
        return new Sequential(
        [
            ("conv1", new Conv2d(channels, 4, kernel: 5, weightInitializer: Initializer.LeCunNormal)), ("tanh1", new Tanh()), ("pool1", new AvgPool2d(2)),
            ("conv2", new Conv2d(4, 12, kernel: 5, weightInitializer: Initializer.LeCunNormal)), ("tanh2", new Tanh()), ("pool2", new AvgPool2d(2)),
            ("flatten", new Flatten()), ("fc", new Linear(checked((int)(12 * LeNet5.Extent(input[1]) * LeNet5.Extent(input[2]))), classes)),
        ]);
    }
}
