using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>The ten lines of the README, on made-up data.</summary>
internal sealed class TenLinesTests
{
    [Test]
    public void A_net_is_declared_trained_measured_and_saved_in_ten_lines()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("mnist.safetensors");
        var lines = new List<string>();

        using var device = TestMachine.Open();
        var data = new ImageSplits(Synthetic.Images(1000), Synthetic.Images(250, seed: 2));
        var model = new Sequential(new Conv2d(1, 32, kernel: 5), new MaxPool2d(3), new ReLU(), new Conv2d(32, 64, kernel: 5), new MaxPool2d(2),
                                   new ReLU(), new Flatten(), new Linear(256, 200), new ReLU(), new Linear(200, 10));
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(learningRate: 0.1f), device, seed: 1);
        trainer.Fit(data.Train, epochs: 3, batch: 100, progress: lines.Add);
        var error = trainer.Evaluate(data.Test).Error;
        trainer.Save(path);

        Assert.That(error, Is.LessThan(0.05));
        Assert.That(lines, Has.Count.EqualTo(3));
        Assert.That(lines[2], Does.StartWith("epoch 3/3: loss 0."));
        using var predictor = Predictor.Open(path, device, Again());
        var prediction = predictor.Predict(data.Test.Images.Span);
        var wrong = Enumerable.Range(0, data.Test.Count).Count(i => prediction.Class(i) != data.Test.Labels.Span[i]);
        Assert.That(wrong / 250.0, Is.EqualTo(error).Within(1e-9));
        Assert.That(prediction[0].ToArray().Sum(), Is.EqualTo(1f).Within(1e-5));
    }

    private static Sequential Again() => DeepNative.Models.MnistNet.Create();
}
