using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

internal sealed class TiledPredictionTests
{
    // A threshold of each pixel: tiles and their margins must not show.
    [TestCase(0, 29, 17)]
    [TestCase(3, 29, 17)]
    [TestCase(3, 9, 7)]
    [TestCase(3, 6, 13)]
    public void Tiles_leave_no_trace(int margin, int width, int height)
    {
        var device = TestDevices.Get("cpu");
        using var folder = new TemporaryFolder();
        var path = folder.File("threshold.safetensors");
        var conv = Model(margin);
        var shape = new Shape(1, 12, 12);
        var part = 12 - 2 * margin;
        using (var trainer = new Trainer(conv, new SoftmaxCrossEntropy(), new Sgd(learningRate: 1e-20f), device, options: new TrainerOptions { Normalization = new Normalization([0f], [1f]) }))
        {
            trainer.Fit(new ByteExamples("zeros", shape, new byte[144], new Shape(part, part), new int[part * part], classes: 2), new FitOptions { Epochs = 1, Batch = 1 });
            trainer.Save(path);
        }

        using var predictor = Predictor.Open(path, device, Model(margin));
        var picture = new Picture(width, height, 1, new byte[width * height]);
        var random = new Philox(3);
        for (var i = 0; i < picture.Planes.Length; i++) picture.Planes[i] = (byte)random.NextBelow(256);
        Assert.That(TiledPrediction.ClassMap(predictor, picture), Is.EqualTo(picture.Planes.Select(value => value > 127 ? 1 : 0)));
        Assert.Throws<ArgumentException>(() => TiledPrediction.ClassMap(predictor, new Picture(2, 2, 1, new byte[4])));
        Assert.Throws<ArgumentException>(() => TiledPrediction.ClassMap(predictor, new Picture(20, 20, 3, new byte[1200])));

        // The window's middle alone counts: class 1 where it is above a half.
        static Layer Model(int margin)
        {
            var size = 2 * margin + 1;
            var weight = new float[2 * size * size];
            weight[size * size + size * size / 2] = 1f;
            return new Sequential(new Conv2d(1, 2, kernel: size, weightInitializer: Initializer.Of(weight), biasInitializer: Initializer.Of(0.5f, 0f)));
        }
    }
}
