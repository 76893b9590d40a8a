using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// Network in network (Lin, Chen, Yan 2014): convolutions followed by two of 1 x 1 ("mlpconv"), and the mean of a map
/// for each class instead of fully connected layers. Layers are named as in the Caffe zoo's files: "conv1", "cccp1", ...
/// </summary>
public static class NetworkInNetwork
{
    // With fewer pixels nothing is left for the third pooling.
    private const int Least = 55;
    private const int LeastOfCifar = 8;

    /// <summary>The ImageNet net: 7,595,176 parameters for 1000 classes.</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 224, 224), at least 55 x 55 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="normalised">Whether batch normalisation stands behind every convolution but the last, and no dropout before it (BN-NIN).</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential Create(Shape input, int classes, bool normalised = false, double width = 1)
    {
        var wide = Width.Checked(width);
        var builder = new Builder(PictureNet.Channels(normalised ? "bn-nin" : "nin", input, Least), normalised);
        builder.Block(1, wide.Of(96), wide.Of(96), wide.Of(96), kernel: 11, stride: 4, padding: 0);
        builder.Add("pool1", new MaxPool2d(3, stride: 2, ceilMode: true));
        builder.Block(2, wide.Of(256), wide.Of(256), wide.Of(256), kernel: 5, stride: 1, padding: 2);
        builder.Add("pool2", new MaxPool2d(3, stride: 2, ceilMode: true));
        builder.Block(3, wide.Of(384), wide.Of(384), wide.Of(384), kernel: 3, stride: 1, padding: 1);
        builder.Add("pool3", new MaxPool2d(3, stride: 2, ceilMode: true));
        if (!normalised) builder.Add("drop", new Dropout(0.5f));
        builder.Block(4, wide.Of(1024), wide.Of(1024), classes, kernel: 3, stride: 1, padding: 1, last: true);
        return builder.Finish();
    }

    /// <summary>The CIFAR-10 net: 966,986 parameters for 10 classes.</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 32, 32), at least 8 x 8 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential CreateCifar(Shape input, int classes, double width = 1)
    {
        var wide = Width.Checked(width);
        var builder = new Builder(PictureNet.Channels("nin-cifar", input, LeastOfCifar), normalised: false);
        builder.Block(1, wide.Of(192), wide.Of(160), wide.Of(96), kernel: 5, stride: 1, padding: 2);
        builder.Add("pool1", new MaxPool2d(3, stride: 2, ceilMode: true));
        builder.Add("drop1", new Dropout(0.5f));
        builder.Block(2, wide.Of(192), wide.Of(192), wide.Of(192), kernel: 5, stride: 1, padding: 2);
        builder.Add("pool2", new AvgPool2d(3, stride: 2, ceilMode: true));
        builder.Add("drop2", new Dropout(0.5f));
        builder.Block(3, wide.Of(192), wide.Of(192), classes, kernel: 3, stride: 1, padding: 1, last: true);
        return builder.Finish();
    }

    private sealed class Builder(int channels, bool normalised)
    {
        private readonly List<(string, Layer)> _layers = [];
        private int _channels = channels;

        public void Add(string name, Layer layer) => _layers.Add((name, layer));

        // A convolution and two of 1 x 1; the very last one gives the classes' maps.
        public void Block(int number, int first, int second, int third, int kernel, int stride, int padding, bool last = false)
        {
            Convolve($"conv{number}", first, kernel, stride, padding);
            Convolve($"cccp{2 * number - 1}", second, 1, 1, 0);
            Convolve($"cccp{2 * number}", third, 1, 1, 0, plain: last);
        }

        public Sequential Finish()
        {
            Add("pool", new GlobalAvgPool());
            Add("flatten", new Flatten());
            return new Sequential(_layers);
        }

        private void Convolve(string name, int outputs, int kernel, int stride, int padding, bool plain = false)
        {
            Add(name, new Conv2d(
                _channels, outputs, kernel, stride, padding, bias: plain || !normalised, weightInitializer: Initializer.HeNormal,
                biasInitializer: Initializer.Zeros));
            _channels = outputs;
            if (plain) return;
            if (normalised) Add(name + "_bn", new BatchNorm(outputs));
            Add(name + "_relu", new ReLU());
        }
    }
}
