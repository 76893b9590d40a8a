using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// Inception v1 (Szegedy et al.: "Going deeper with convolutions", 2015): nine modules of four branches, and in training
/// two auxiliary heads of weight 0.3. 6,998,552 parameters without the heads.
/// </summary>
/// <remarks>
/// Layers are named as in torchvision ("inception3a.branch2.0.conv"), whose own net is another: it has batch
/// normalisation, and 3 x 3 windows in place of the 5 x 5 ones.
/// </remarks>
public static class GoogLeNet
{
    private const int Least = 47;
    private const float AuxiliaryWeight = 0.3f;

    /// <summary>Makes the layers.</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 224, 224), at least 47 x 47 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="auxiliary">Whether there are the heads "aux1" and "aux2", which only training graphs use.</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential Create(Shape input, int classes, bool auxiliary = true, double width = 1)
    {
        var wide = Width.Checked(width);
        var channels = PictureNet.Channels("googlenet", input, Least);
        var stem = wide.Of(64);
        var layers = new List<(string, Layer)>
        {
            ("conv1", PictureNet.ConvRelu(channels, stem, kernel: 7, stride: 2, padding: 3)),
            ("maxpool1", new MaxPool2d(3, stride: 2, ceilMode: true)),
            ("norm1", new LocalResponseNorm(5)),
            ("conv2", PictureNet.ConvRelu(stem, stem, kernel: 1)),
            ("conv3", PictureNet.ConvRelu(stem, wide.Of(192), kernel: 3, padding: 1)),
            ("norm2", new LocalResponseNorm(5)),
            ("maxpool2", new MaxPool2d(3, stride: 2, ceilMode: true)),
        };
        channels = wide.Of(192);

        // Columns of the paper's table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
        Module("3a", 64, 96, 128, 16, 32, 32);
        Module("3b", 128, 128, 192, 32, 96, 64);
        layers.Add(("maxpool3", new MaxPool2d(3, stride: 2, ceilMode: true)));
        Module("4a", 192, 96, 208, 16, 48, 64);
        Head("aux1");
        Module("4b", 160, 112, 224, 24, 64, 64);
        Module("4c", 128, 128, 256, 24, 64, 64);
        Module("4d", 112, 144, 288, 32, 64, 64);
        Head("aux2");
        Module("4e", 256, 160, 320, 32, 128, 128);
        layers.Add(("maxpool4", new MaxPool2d(3, stride: 2, ceilMode: true)));
        Module("5a", 256, 160, 320, 32, 128, 128);
        Module("5b", 384, 192, 384, 48, 128, 128);
        layers.AddRange([("avgpool", new GlobalAvgPool()), ("flatten", new Flatten()), ("dropout", new Dropout(0.4f)), ("fc", PictureNet.Classifier(channels, classes))]);
        return new Sequential(layers);

        void Module(string name, int one, int reduceThree, int three, int reduceFive, int five, int pooled)
        {
            (one, reduceThree, three) = (wide.Of(one), wide.Of(reduceThree), wide.Of(three));
            (reduceFive, five, pooled) = (wide.Of(reduceFive), wide.Of(five), wide.Of(pooled));
            layers.Add(("inception" + name, new Branches(
            [
                ("branch1", PictureNet.ConvRelu(channels, one, kernel: 1)),
                ("branch2", new Sequential(PictureNet.ConvRelu(channels, reduceThree, kernel: 1), PictureNet.ConvRelu(reduceThree, three, kernel: 3, padding: 1))),
                ("branch3", new Sequential(PictureNet.ConvRelu(channels, reduceFive, kernel: 1), PictureNet.ConvRelu(reduceFive, five, kernel: 5, padding: 2))),
                ("branch4", new Sequential(new MaxPool2d(3, stride: 1, padding: 1), PictureNet.ConvRelu(channels, pooled, kernel: 1))),
            ])));
            channels = one + three + five + pooled;
        }

        void Head(string name)
        {
            if (!auxiliary) return;
            var (reduced, hidden) = (wide.Of(128), wide.Of(1024));
            layers.Add((name, new AuxiliaryHead(AuxiliaryWeight,
            [
                ("avgpool", new SidePool(kernel: 5, stride: 3, extent: 4)), ("conv", PictureNet.ConvRelu(channels, reduced, kernel: 1)), ("flatten", new Flatten()),
                ("fc1", new Linear(reduced * 16, hidden, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros)),
                ("relu", new ReLU()), ("dropout", new Dropout(0.7f)), ("fc2", PictureNet.Classifier(hidden, classes)),
            ])));
        }
    }
}
