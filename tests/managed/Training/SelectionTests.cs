using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>Early stopping and the best epoch's weights, with a model whose course is known.</summary>
internal sealed class SelectionTests : TrainingFixture
{
    // One weight w from 0, loss (w - 1)^2 on training, so each epoch of one step halves the distance to 1;
    // the validation set wants w = 0.8, which the second and third epoch come closest to: 0.5, 0.75, 0.875, ...
    private const float Wanted = 0.8f;

    [TestCase(0, 8, 2)]
    [TestCase(1, 3, 2)]
    [TestCase(3, 5, 2)]
    public void A_run_ends_after_epochs_without_a_better_one(int patience, int epochs, int best)
    {
        var (weight, result) = Train(new ModelSelection { Patience = patience });
        Assert.That((result.Epochs, result.BestEpoch, result.StoppedEarly, result.Completed), Is.EqualTo((epochs, best, patience > 0, true)));
        Assert.That(weight, Is.EqualTo(0.75f));
    }

    [Test]
    public void Without_restoring_the_last_weights_stay()
    {
        var (weight, result) = Train(new ModelSelection { Patience = 2, Restore = false, Path = Folder.File("best.safetensors") });
        Assert.That((result.Epochs, result.BestEpoch), Is.EqualTo((4, 2)));
        Assert.That(weight, Is.EqualTo(1 - 1 / 16f));
        var model = Net();
        using var other = new Trainer(model, new SquaredError(), new Sgd(0.25f), Device);
        other.Load(Folder.File("best.safetensors"));
        Assert.That(Weight(model), Is.EqualTo(0.75f));
    }

    [Test]
    public void A_better_epoch_is_one_by_more_than_the_delta()
    {
        // The squares of the distances are 0.09, 0.0025, 0.0056, ...: the second is better by 0.0875.
        Assert.That(Train(new ModelSelection { Patience = 2, MinDelta = 0.08 }).Result.BestEpoch, Is.EqualTo(2));
        var (weight, result) = Train(new ModelSelection { Patience = 2, MinDelta = 0.09 });
        Assert.That((result.BestEpoch, result.Epochs), Is.EqualTo((1, 3)));
        Assert.That(weight, Is.EqualTo(0.5f));
    }

    [TestCase(true, 1)]
    [TestCase(true, 3)]
    [TestCase(false, 1)]
    [TestCase(false, 3)]
    [TestCase(false, 4)]
    public void A_resumed_run_selects_as_one_that_was_not_stopped(bool onDisk, int stopAfter)
    {
        var selection = new ModelSelection { Patience = 4, Path = onDisk ? Folder.File("best.safetensors") : null };
        var (whole, wholeResult) = Train(selection);
        Assert.That(wholeResult.Epochs, Is.EqualTo(6));
        Train(selection, stopAfter: stopAfter);
        var (resumed, result) = Train(selection, resume: true);
        Assert.That(resumed, Is.EqualTo(whole));
        Assert.That((result.Epochs, result.BestEpoch, result.StoppedEarly), Is.EqualTo((6, 2, true)));
        // The checkpoint, whose best weights are beside those of the run, is still a file of weights.
        var model = Net();
        using var other = new Trainer(model, new SquaredError(), new Sgd(0.25f), Device);
        other.Load(Folder.File("run.safetensors"));
        Assert.That(Weight(model), Is.EqualTo(1 - 1 / 64f));
    }

    [Test]
    public void A_run_goes_on_only_by_the_rule_that_it_began_with()
    {
        var path = Folder.File("best.safetensors");
        Train(new ModelSelection(), stopAfter: 3);
        Refused(new ModelSelection { Path = path }, "Error, its weights in checkpoints; it cannot go on with Error, its weights in a file");
        Refused(new ModelSelection { Metric = ValidationMetric.Loss }, "cannot go on with Loss");
        Train(new ModelSelection { Path = path }, stopAfter: 3);
        Refused(new ModelSelection(), "Error, its weights in a file; it cannot go on with Error, its weights in checkpoints");
        File.Delete(path);
        Refused(new ModelSelection { Path = path }, $"'{path}' does not exist");

        void Refused(ModelSelection selection, string message) =>
            Assert.That(() => Train(selection, resume: true), Throws.InvalidOperationException.With.Message.Contains(message));
    }

    [Test]
    public void The_best_average_is_restored_where_weights_are_averaged()
    {
        var options = new TrainerOptions { Averaging = new ExponentialAverage(0.5f) };
        var (weight, result) = Train(new ModelSelection { Patience = 2 }, options: options, average: out var saved);
        // The average follows the weights w: it is the first, then a = (a + w) / 2.
        var averages = new List<double>();
        for (var epoch = 1; epoch <= 8; epoch++)
        {
            var w = 1 - Math.Pow(0.5, epoch);
            averages.Add(epoch == 1 ? w : (averages[^1] + w) / 2);
        }

        var best = averages.IndexOf(averages.MinBy(value => Math.Abs(value - Wanted)));
        Assert.That(result.BestEpoch, Is.EqualTo(best + 1));
        Assert.That(weight, Is.EqualTo(averages[best]).Within(1e-6));
        Assert.That(saved, Is.EqualTo(weight));
    }

    [Test]
    public void Progress_and_metrics_name_the_best_epoch()
    {
        var texts = new List<string>();
        var log = new MetricsLog(Folder.File("metrics.jsonl"));
        using (log)
        {
            using var trainer = new Trainer(Net(), new SquaredError(), new Sgd(0.25f), Device);
            trainer.Fit(Data(1f), Options(new ModelSelection { Patience = 1 }) with { Progress = new Lines(texts), Observers = [log] });
        }

        Assert.That(texts.Select(text => text.Contains(", best,")), Is.EqualTo(new[] { true, true, false }));
        Assert.That(File.ReadLines(Folder.File("metrics.jsonl")).Select(line => line.Contains("\"best_epoch\":2")), Is.EqualTo(new[] { false, true, true }));
    }

    [Test]
    public void What_cannot_be_is_refused()
    {
        using var trainer = new Trainer(Net(), new SquaredError(), new Sgd(0.25f), Device);
        Assert.That(
            () => trainer.Fit(Data(1f), Options(new ModelSelection()) with { Validation = null }),
            Throws.ArgumentException.With.Message.Contains("needs a validation set"));
        using var classifier = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.25f), Device);
        var options = Options(new ModelSelection { Metric = ValidationMetric.MeanIntersectionOverUnion }) with { Validation = Synthetic.Xor };
        Assert.That(() => classifier.Fit(Synthetic.Xor, options), Throws.ArgumentException.With.Message.Contains("maps of classes"));
        Assert.That(() => new ModelSelection { Patience = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ModelSelection { MinDelta = double.NaN }, Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Overlap_is_better_when_it_is_more()
    {
        var selection = new ModelSelection { Metric = ValidationMetric.MeanIntersectionOverUnion };
        var low = new EvaluationResult(1, 0.1, 1, 1) { MeanIntersectionOverUnion = 0.2 };
        Assert.That(selection.ValueOf(low with { MeanIntersectionOverUnion = 0.7 }), Is.LessThan(selection.ValueOf(low)));
        Assert.That(new ModelSelection { Metric = ValidationMetric.Loss }.ValueOf(low), Is.EqualTo(1));
        Assert.That(new ModelSelection().ValueOf(low with { Error = double.NaN }), Is.EqualTo(1));
    }

    private (float Weight, FitResult Result) Train(ModelSelection selection, int stopAfter = 0, bool resume = false) =>
        Train(selection, new TrainerOptions(), out _, stopAfter, resume);

    private (float Weight, FitResult Result) Train(
        ModelSelection selection, TrainerOptions options, out float average, int stopAfter = 0, bool resume = false)
    {
        var model = Net();
        // The gradient is 2 (w - 1): a rate of 1/4 halves the distance.
        using var trainer = new Trainer(model, new SquaredError(), new Sgd(0.25f), Device, options: options);
        var checkpoint = Folder.File("run.safetensors");
        if (resume) trainer.Resume(checkpoint);
        using var stop = new CancellationTokenSource();
        var result = trainer.Fit(
            Data(1f),
            Options(selection) with { Checkpoint = new CheckpointOptions(checkpoint), Progress = new Stopper(stop, stopAfter) }, stop.Token);
        average = trainer.Predict([1f])[0][0];
        return (Weight(model), result);
    }

    private static FitOptions Options(ModelSelection selection) =>
        new() { Epochs = 8, Batch = 1, Validation = Data(Wanted), Selection = selection };

    private static Linear Net() => new(1, 1, bias: false, weightInitializer: Initializer.Zeros);

    private static TensorDataset Data(float target) => new(new Shape(1), [1f], new Shape(1), [target]);

    private static float Weight(Layer model) => model.Parameters()[0].Tensor!.ToArray<float>()[0];

    private sealed class Stopper(CancellationTokenSource stop, int after) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (after > 0 && value.IsEpochEnd && value.Epoch >= after) stop.Cancel();
        }
    }

    private sealed class Lines(List<string> texts) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.IsEpochEnd) texts.Add(value.ToString());
        }
    }
}
