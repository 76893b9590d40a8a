using System.Text.Json;
using System.Text.RegularExpressions;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

internal sealed class ObserverTests : TrainingFixture
{
    [TestCase(1)]
    [TestCase(2)]
    public void An_observer_is_told_everything_in_order(int accumulation)
    {
        var observer = new Recorder();
        var norms = new List<(long Step, float Norm)>();
        using var trainer = new Trainer(
            new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device, seed: 7,
            new TrainerOptions { AccumulationSteps = accumulation, GradientNorm = (step, norm) => norms.Add((step, norm)) });
        // Five batches an epoch, or three steps of two, two and one.
        var result = trainer.Fit(Points(), new FitOptions { Epochs = 2, Batch = 2, Observers = [observer], StepInterval = 1 });
        var steps = accumulation == 1 ? 5 : 3;
        Assert.That(observer.Start!.StepsPerEpoch, Is.EqualTo(steps));
        Assert.That(observer.Start.Seed, Is.EqualTo(7));
        Assert.That(observer.Result, Is.SameAs(result));
        Assert.That(observer.Epochs.Select(epoch => epoch.Epoch), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(observer.Steps.Select(step => step.Step), Is.EqualTo(Enumerable.Range(1, 2 * steps)));
        Assert.That(observer.Steps.Select(step => step.Epoch), Is.EqualTo(Enumerable.Range(0, 2 * steps).Select(step => step / steps + 1)));
        Assert.That(observer.Steps.Select(step => (step.Step, step.GradientNorm)), Is.EqualTo(norms));
        Assert.That(observer.Steps.Select(step => step.LearningRate), Is.All.EqualTo(0.1f));
        // Nine examples: the last step of an epoch has one.
        var mean = 0.0;
        foreach (var step in observer.Steps.Skip(steps)) mean += step.Loss * (step.Step == 2 * steps ? 1 : 2 * accumulation) / 9;
        Assert.That(mean, Is.EqualTo(observer.Epochs[1].Loss).Within(1e-6));
    }

    [Test]
    public void Without_an_interval_steps_are_not_told()
    {
        var observer = new Recorder();
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        trainer.Fit(Points(), new FitOptions { Epochs = 2, Batch = 2, Observers = [observer] });
        Assert.That(observer.Steps, Is.Empty);
        Assert.That(observer.Epochs, Has.Count.EqualTo(2));
    }

    [Test]
    public void Metrics_are_lines_of_flat_json()
    {
        var lines = Train(epochs: 2, interval: 2);
        Assert.That(lines.Select(Text("event")), Is.EqualTo(new[] { "step", "step", "epoch", "step", "step", "step", "epoch" }));
        Assert.That(lines.Select(line => line.GetProperty("step").GetInt64()), Is.EqualTo(new[] { 2, 4, 5, 6, 8, 10, 10 }));
        var epoch = lines[^1];
        Assert.That(epoch.GetProperty("epoch").GetInt32(), Is.EqualTo(2));
        foreach (var key in (string[])["train_loss", "learning_rate", "examples_per_second", "seconds", "data_seconds", "validation_loss", "validation_error"])
            Assert.That(epoch.GetProperty(key).ValueKind, Is.EqualTo(JsonValueKind.Number), key);
        Assert.That(lines.SelectMany(line => line.EnumerateObject()).Select(entry => entry.Name), Has.All.Matches("^[a-z][a-z0-9_]*$"));
    }

    [Test]
    public void A_resumed_run_writes_the_lines_behind_its_checkpoint_anew()
    {
        Train(epochs: 3, interval: 1, stopAfter: 7);
        // As a killed process leaves it: lines that the checkpoint does not know of, and half a line.
        File.WriteAllText(Log, Regex.Replace(File.ReadAllText(Log), "\"seconds\":[^,}]+", "\"seconds\":1000"));
        File.AppendAllText(Log, "{\"event\":\"step\",\"epoch\":2,\"step\":8,\"train_loss\":99}\n{\"event\":\"st");
        var lines = Train(epochs: 3, interval: 1, resume: true);
        var steps = lines.Where(line => Text("event")(line) == "step").ToArray();
        Assert.That(steps.Select(line => line.GetProperty("step").GetInt64()), Is.EqualTo(Enumerable.Range(1, 15)));
        Assert.That(steps[7].GetProperty("train_loss").GetDouble(), Is.LessThan(50));
        var epochs = lines.Where(line => Text("event")(line) == "epoch").ToArray();
        Assert.That(epochs, Has.Length.EqualTo(3));
        Assert.That(epochs.Select(line => line.GetProperty("seconds").GetDouble()), Is.Ordered.And.All.GreaterThanOrEqualTo(1000), "of the whole run");
    }

    [Test]
    public void A_new_run_begins_the_file_anew()
    {
        Train(epochs: 2, interval: 0);
        Assert.That(Train(epochs: 1, interval: 0), Has.Length.EqualTo(1));
    }

    private string Log => Folder.File("metrics.jsonl");

    private JsonElement[] Train(int epochs, int interval, int stopAfter = 0, bool resume = false)
    {
        using var trainer = new Trainer(new Linear(2, 2), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device, seed: 7, new TrainerOptions { ProgressInterval = TimeSpan.Zero });
        var checkpoint = Folder.File("run.safetensors");
        if (resume) trainer.Resume(checkpoint);
        using var stop = new CancellationTokenSource();
        using var log = new MetricsLog(Log);
        var stopper = new Stopper(stop, stopAfter);
        var options = new FitOptions
        {
            Epochs = epochs, Batch = 2, Observers = [log], StepInterval = interval, Validation = Points(),
            Checkpoint = new CheckpointOptions(checkpoint), Progress = stopper,
        };
        trainer.Fit(Points(), options, stop.Token);
        log.Dispose();
        return [.. File.ReadLines(Log).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    private static Func<JsonElement, string> Text(string key) => line => line.GetProperty(key).GetString()!;

    private static TensorDataset Points()
    {
        var inputs = new float[18];
        new Philox(5).FillUniform(inputs, -1f, 1f);
        return new TensorDataset(new Shape(2), inputs, [0, 1, 1, 0, 1, 0, 0, 1, 1]);
    }

    private sealed class Stopper(CancellationTokenSource stop, int after) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (after > 0 && value.Step >= after) stop.Cancel();
        }
    }

    private sealed class Recorder : ITrainingObserver
    {
        public TrainingStart? Start { get; private set; }

        public List<TrainingStep> Steps { get; } = [];

        public List<TrainingProgress> Epochs { get; } = [];

        public FitResult? Result { get; private set; }

        public void OnBegin(TrainingStart start) => Start = start;

        public void OnStep(in TrainingStep latest) => Steps.Add(latest);

        public void OnEpoch(TrainingProgress epoch) => Epochs.Add(epoch);

        public void OnEnd(FitResult result) => Result = result;
    }
}
