using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>The error on the training set, measured between epochs: the right one, and the training goes on as without it.</summary>
[TestFixture]
public class TrainingErrorTests
{
    [TestCase(true)]
    [TestCase(false)]
    public void It_is_that_of_an_evaluation_and_changes_nothing(bool onDevice)
    {
        using var device = Device.Open("cpu", threads: 1);
        var data = Images();
        var (plain, _) = Train(device, data, onDevice, measured: false);
        var (weights, epochs) = Train(device, data, onDevice, measured: true);
        Assert.That(weights, Is.EqualTo(plain));
        Assert.That(epochs, Has.Count.EqualTo(3));
        Assert.That(epochs.Select(epoch => epoch.Training!.Count), Is.All.EqualTo(data.Count));
        Assert.That(epochs[2].Training!.Error, Is.EqualTo(epochs[2].Validation!.Error), "validated on the same images");
        Assert.That(epochs[0].ToString(), Does.Contain(", training error "));
    }

    private static (float[] Weights, List<TrainingProgress> Epochs) Train(Device device, ImageDataset data, bool onDevice, bool measured)
    {
        var model = new Sequential(new Flatten(), new Linear(16, 8), new Dropout(0.5f), new ReLU(), new Linear(8, 3));
        using var trainer = new Trainer(
            model, new SoftmaxCrossEntropy(), new Sgd(0.2f), device, seed: 3, new TrainerOptions { KeepDataOnDevice = onDevice });
        var recorder = new Recorder();
        // A set of its own, that it has a feed of its own.
        var copy = data.Slice(0, data.Count);
        trainer.Fit(data.AsExamples(), new FitOptions { Epochs = 3, Batch = 4, MeasuresTraining = measured, Validation = copy.AsExamples(), Observers = [recorder] });
        return (model.Parameters()[0].Tensor!.ToArray<float>(), recorder.Epochs);
    }

    private static ImageDataset Images()
    {
        const int Count = 30;
        var random = new Philox(5, stream: 1);
        var pixels = new byte[Count * 16];
        var labels = new int[Count];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)random.NextBelow(256);
        for (var i = 0; i < Count; i++) labels[i] = (int)random.NextBelow(3);
        return new ImageDataset("noise", pixels, labels, ["a", "b", "c"], 1, 4, 4);
    }

    private sealed class Recorder : ITrainingObserver
    {
        public List<TrainingProgress> Epochs { get; } = [];

        public void OnEpoch(TrainingProgress epoch) => Epochs.Add(epoch);
    }
}
