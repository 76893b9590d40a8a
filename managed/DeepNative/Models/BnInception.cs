using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// The batch-normalised Inception (Ioffe, Szegedy: "Batch normalization: accelerating deep network training by reducing
/// internal covariate shift", 2015, figure 5): two 3 x 3 convolutions in place of one of 5 x 5, average pooling in most
/// modules, strides inside the modules 3c and 4e. The first convolution is an ordinary one instead of a separable one.
/// </summary>
public static class BnInception
{
    private const int Least = 32;

    /// <summary>Makes the layers: "conv1", "conv2", "conv3", "inception3a" to "inception5b", "fc".</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 224, 224), at least 32 x 32 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential Create(Shape input, int classes, double width = 1)
    {
        var wide = Width.Checked(width);
        var channels = PictureNet.Channels("bn-inception", input, Least);
        var stem = wide.Of(64);
        var layers = new List<(string, Layer)>
        {
            ("conv1", PictureNet.ConvNormRelu(channels, stem, kernel: 7, stride: 2, padding: 3)),
            ("maxpool1", new MaxPool2d(3, stride: 2, ceilMode: true)),
            ("conv2", PictureNet.ConvNormRelu(stem, stem, kernel: 1)),
            ("conv3", PictureNet.ConvNormRelu(stem, wide.Of(192), kernel: 3, padding: 1)),
            ("maxpool2", new MaxPool2d(3, stride: 2, ceilMode: true)),
        };
        channels = wide.Of(192);

        // Columns of figure 5: #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pool proj.
        Module("3a", 64, 64, 64, 64, 96, 32);
        Module("3b", 64, 64, 96, 64, 96, 64);
        Module("3c", 0, 128, 160, 64, 96, 0);
        Module("4a", 224, 64, 96, 96, 128, 128);
        Module("4b", 192, 96, 128, 96, 128, 128);
        Module("4c", 160, 128, 160, 128, 160, 96);
        Module("4d", 96, 128, 192, 160, 192, 96);
        Module("4e", 0, 128, 192, 192, 256, 0);
        Module("5a", 352, 192, 320, 160, 224, 128);
        Module("5b", 352, 192, 320, 192, 224, 128, maximum: true);
        layers.AddRange([("avgpool", new GlobalAvgPool()), ("flatten", new Flatten()), ("fc", PictureNet.Classifier(channels, classes))]);
        return new Sequential(layers);

        // Without 1x1: stride 2 and the maximum passed through.
        void Module(string name, int one, int reduceThree, int three, int reduceDouble, int doubled, int pooled, bool maximum = false)
        {
            var stride = one == 0 ? 2 : 1;
            (reduceThree, three, reduceDouble, doubled) = (wide.Of(reduceThree), wide.Of(three), wide.Of(reduceDouble), wide.Of(doubled));
            var branches = new List<(string, Layer)>();
            if (one > 0) branches.Add(("branch1", PictureNet.ConvNormRelu(channels, wide.Of(one), kernel: 1)));
            branches.Add(("branch2", new Sequential(
                PictureNet.ConvNormRelu(channels, reduceThree, kernel: 1), PictureNet.ConvNormRelu(reduceThree, three, kernel: 3, stride, padding: 1))));
            branches.Add(("branch3", new Sequential(
                PictureNet.ConvNormRelu(channels, reduceDouble, kernel: 1), PictureNet.ConvNormRelu(reduceDouble, doubled, kernel: 3, padding: 1),
                PictureNet.ConvNormRelu(doubled, doubled, kernel: 3, stride, padding: 1))));
            Layer pool = maximum || one == 0 ? new MaxPool2d(3, stride, padding: 1) : new AvgPool2d(3, stride, padding: 1);
            branches.Add(("branch4", pooled == 0 ? pool : new Sequential(pool, PictureNet.ConvNormRelu(channels, wide.Of(pooled), kernel: 1))));
            layers.Add(("inception" + name, new Branches(branches)));
            channels = three + doubled + (one > 0 ? wide.Of(one) : 0) + (pooled > 0 ? wide.Of(pooled) : channels);
        }
    }
}
