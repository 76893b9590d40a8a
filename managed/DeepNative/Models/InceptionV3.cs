using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Models;

/// <summary>
/// Inception-v3 (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: "Rethinking the Inception architecture for computer vision",
/// 2016), with torchvision's parameter names: 23,834,568 parameters, 27,161,264 with the auxiliary head of training.
/// </summary>
public static class InceptionV3
{
    private const int Least = 75;
    private const float Epsilon = 0.001f;

    // As in TensorFlow's own training of it.
    private const float AuxiliaryWeight = 0.4f;

    /// <summary>Makes the layers: "Conv2d_1a_3x3", ..., "Mixed_7c", "fc".</summary>
    /// <param name="input">(C, H, W) of one picture, usually (3, 299, 299), at least 75 x 75 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <param name="auxiliary">Whether there is the head "AuxLogits", which only training graphs use.</param>
    /// <param name="width">Factor of all channels.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential Create(Shape input, int classes, bool auxiliary = true, double width = 1) =>
        new Builder(PictureNet.Channels("inception-v3", input, Least), Width.Checked(width)).Build(classes, auxiliary);

    private sealed class Builder(int channels, Width width)
    {
        private readonly List<(string, Layer)> _layers = [];
        private int _channels = channels;

        public Sequential Build(int classes, bool auxiliary)
        {
            Stem("Conv2d_1a_3x3", 32, kernel: 3, stride: 2);
            Stem("Conv2d_2a_3x3", 32, kernel: 3);
            Stem("Conv2d_2b_3x3", 64, kernel: 3, padding: 1);
            _layers.Add(("maxpool1", new MaxPool2d(3, stride: 2)));
            Stem("Conv2d_3b_1x1", 80, kernel: 1);
            Stem("Conv2d_4a_3x3", 192, kernel: 3);
            _layers.Add(("maxpool2", new MaxPool2d(3, stride: 2)));
            ModuleA("Mixed_5b", 32);
            ModuleA("Mixed_5c", 64);
            ModuleA("Mixed_5d", 64);
            ReductionB("Mixed_6a");
            ModuleC("Mixed_6b", 128);
            ModuleC("Mixed_6c", 160);
            ModuleC("Mixed_6d", 160);
            ModuleC("Mixed_6e", 192);
            if (auxiliary) _layers.Add(("AuxLogits", Head(classes)));
            ReductionD("Mixed_7a");
            ModuleE("Mixed_7b");
            ModuleE("Mixed_7c");
            _layers.AddRange([("avgpool", new GlobalAvgPool()), ("dropout", new Dropout(0.5f)), ("flatten", new Flatten()), ("fc", PictureNet.Classifier(_channels, classes))]);
            return new Sequential(_layers);
        }

        private AuxiliaryHead Head(int classes)
        {
            var (reduced, wide) = (width.Of(128), width.Of(768));
            return new AuxiliaryHead(AuxiliaryWeight,
            [
                ("pool", new SidePool(kernel: 5, stride: 3, extent: 5)), ("conv0", Conv(_channels, 128, 1)), ("conv1", PictureNet.ConvNormRelu(reduced, wide, kernel: 5, epsilon: Epsilon)),
                ("avgpool", new GlobalAvgPool()), ("flatten", new Flatten()), ("fc", PictureNet.Classifier(wide, classes)),
            ]);
        }

        private void ModuleA(string name, int pooled) => Module(
            name, width.Of(64) * 2 + width.Of(96) + width.Of(pooled),
            new([("branch1x1", Conv(_channels, 64, 1))]),
            new([("branch5x5_1", Conv(_channels, 48, 1)), ("branch5x5_2", Conv(width.Of(48), 64, 5, padding: 2))]),
            new(
            [
                ("branch3x3dbl_1", Conv(_channels, 64, 1)), ("branch3x3dbl_2", Conv(width.Of(64), 96, 3, padding: 1)),
                ("branch3x3dbl_3", Conv(width.Of(96), 96, 3, padding: 1)),
            ]),
            Pooled(pooled));

        private void ReductionB(string name) => Module(
            name, width.Of(384) + width.Of(96) + _channels,
            new([("branch3x3", Conv(_channels, 384, 3, stride: 2))]),
            new(
            [
                ("branch3x3dbl_1", Conv(_channels, 64, 1)), ("branch3x3dbl_2", Conv(width.Of(64), 96, 3, padding: 1)),
                ("branch3x3dbl_3", Conv(width.Of(96), 96, 3, stride: 2)),
            ]),
            new([("branch_pool", new MaxPool2d(3, stride: 2))]));

        private void ModuleC(string name, int inner)
        {
            var thin = width.Of(inner);
            Module(
                name, 4 * width.Of(192),
                new([("branch1x1", Conv(_channels, 192, 1))]),
                new([("branch7x7_1", Conv(_channels, inner, 1)), ("branch7x7_2", Row(thin, inner)), ("branch7x7_3", Column(thin, 192))]),
                new(
                [
                    ("branch7x7dbl_1", Conv(_channels, inner, 1)), ("branch7x7dbl_2", Column(thin, inner)), ("branch7x7dbl_3", Row(thin, inner)),
                    ("branch7x7dbl_4", Column(thin, inner)), ("branch7x7dbl_5", Row(thin, 192)),
                ]),
                Pooled(192));
        }

        private void ReductionD(string name) => Module(
            name, width.Of(320) + width.Of(192) + _channels,
            new([("branch3x3_1", Conv(_channels, 192, 1)), ("branch3x3_2", Conv(width.Of(192), 320, 3, stride: 2))]),
            new(
            [
                ("branch7x7x3_1", Conv(_channels, 192, 1)), ("branch7x7x3_2", Row(width.Of(192), 192)), ("branch7x7x3_3", Column(width.Of(192), 192)),
                ("branch7x7x3_4", Conv(width.Of(192), 192, 3, stride: 2)),
            ]),
            new([("branch_pool", new MaxPool2d(3, stride: 2))]));

        private void ModuleE(string name)
        {
            var wide = width.Of(384);
            Module(
                name, width.Of(320) + 4 * wide + width.Of(192),
                new([("branch1x1", Conv(_channels, 320, 1))]),
                new InceptionBranch([("branch3x3_1", Conv(_channels, 384, 1))], Fork("branch3x3_2")),
                new InceptionBranch(
                    [("branch3x3dbl_1", Conv(_channels, 448, 1)), ("branch3x3dbl_2", Conv(width.Of(448), 384, 3, padding: 1))], Fork("branch3x3dbl_3")),
                Pooled(192));

            (string, Layer)[] Fork(string prefix) =>
            [
                (prefix + "a", Conv(wide, 384, (1, 3), padding: (0, 1))), (prefix + "b", Conv(wide, 384, (3, 1), padding: (1, 0))),
            ];
        }

        private InceptionBranch Pooled(int outputs) => new([("pool", new AvgPool2d(3, stride: 1, padding: 1)), ("branch_pool", Conv(_channels, outputs, 1))]);

        private Sequential Row(int inputs, int outputs) => Conv(inputs, outputs, (1, 7), padding: (0, 3));

        private Sequential Column(int inputs, int outputs) => Conv(inputs, outputs, (7, 1), padding: (3, 0));

        private Sequential Conv(int inputs, int outputs, PerAxis kernel, PerAxis? stride = null, Padding? padding = null) =>
            PictureNet.ConvNormRelu(inputs, width.Of(outputs), kernel, stride, padding, Epsilon);

        private void Stem(string name, int outputs, PerAxis kernel, PerAxis? stride = null, Padding? padding = null)
        {
            _layers.Add((name, Conv(_channels, outputs, kernel, stride, padding)));
            _channels = width.Of(outputs);
        }

        private void Module(string name, int outputs, params ReadOnlySpan<InceptionBranch> branches)
        {
            _layers.Add((name, new InceptionModule(branches)));
            _channels = outputs;
        }
    }
}
