using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Serialization;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>An interrupted and resumed run gives the bits of one that was not.</summary>
internal sealed class ResumeTests : TrainingFixture
{
    private const int Examples = 130;
    private const int Batch = 32;
    private const int StepsPerEpoch = 5;

    private static readonly LearningRateSchedule _schedule = LearningRateSchedule.Cosine();

    private string Checkpoint => Folder.File("run.safetensors");

    private static IEnumerable<Optimizer> Rules() => 
    [
        new Sgd(0.05f), new Sgd(0.05f, momentum: 0.9f), new Sgd(0.05f, momentum: 0.9f, dampening: 0.1f), new Adam(0.01f), new AdamW(0.01f),
        new Adagrad(), new RmsProp(momentum: 0.5f, centered: true), new Adadelta(), new Adamax(), new NAdam(), new Lars(1f),
        new Adam(0.01f) { Groups = [new ParameterGroup("0.*") { Frozen = true }, new ParameterGroup("7.*") { LearningRateFactor = 0.1f }] },
    ];

    [Test]
    public void Two_epochs_equal_one_and_one_resumed([ValueSource(nameof(Rules))] Optimizer rule)
    {
        var (whole, wholeResult) = Train(rule, epochs: 2);
        Train(rule, epochs: 2, stopAfter: StepsPerEpoch);
        var (resumed, resumedResult) = Train(rule, epochs: 2, resume: true);
        Assert.That(resumed, Is.EqualTo(whole));
        Assert.That(resumedResult.Loss, Is.EqualTo(wholeResult.Loss));
        Assert.That(resumedResult.Steps, Is.EqualTo(StepsPerEpoch));
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(7)]
    [TestCase(9)]
    public void A_run_stopped_inside_an_epoch_goes_on_exactly(int step)
    {
        var rule = new Adam(0.01f);
        var (whole, wholeResult) = Train(rule, epochs: 2);
        var (_, stopped) = Train(rule, epochs: 2, stopAfter: step);
        Assert.That((stopped.Completed, stopped.Steps), Is.EqualTo((false, (long)step)));
        var (resumed, resumedResult) = Train(rule, epochs: 2, resume: true);
        Assert.That(resumed, Is.EqualTo(whole));
        Assert.That(resumedResult.Loss, Is.EqualTo(wholeResult.Loss));
        Assert.That(resumedResult.Completed, Is.True);
    }

    // Five batches an epoch, in steps of 2, 2 and 1.
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(5)]
    [TestCase(7)]
    public void Averages_accumulation_and_a_plateau_go_on_exactly(int step)
    {
        var options = new TrainerOptions
        {
            Averaging = new ExponentialAverage(0.8f, warmup: true),
            AccumulationSteps = 2,
            Clipping = GradientClipping.ByNorm(1f),
            Schedule = LearningRateSchedule.Plateau(0.5, patience: 0, threshold: 1e9, absolute: true),
            ProgressInterval = TimeSpan.Zero,
        };
        float[] Run(int stopAfter, bool resume)
        {
            using var trainer = new Trainer(TrainerTests.Net(), new SoftmaxCrossEntropy(), new RmsProp(), Device, seed: 11, options);
            using var source = new CancellationTokenSource();
            if (resume) trainer.Resume(Checkpoint);
            trainer.Fit(
                Data(), epochs: 3, Batch, progress: new Stop(source, stopAfter),
                checkpoint: stopAfter > 0 ? new CheckpointOptions(Checkpoint, EveryEpochs: 0) : null,
                validation: Synthetic.Images(20, seed: 3, size: 12), cancellation: source.Token);
            trainer.Save(Folder.File("averaged.safetensors"));
            var weights = TrainerTests.Weights(trainer.Model);
            trainer.Load(Folder.File("averaged.safetensors"));
            return [.. weights, .. TrainerTests.Weights(trainer.Model)];
        }

        var whole = Run(stopAfter: 0, resume: false);
        Run(step, resume: false);
        using (var file = SafeTensors.Open(Checkpoint))
        {
            Assert.That(file.Metadata["step"], Is.EqualTo($"{step}"));
            Assert.That(file.Names, Does.Contain("average.0.weight").And.Contain("average.count"));
            Assert.That(file.Metadata["plateau_factor"], Is.EqualTo(step < 6 ? "1" : "0.5"));
        }

        Assert.That(Run(stopAfter: 0, resume: true), Is.EqualTo(whole));
    }

    [Test]
    public void A_checkpoint_by_steps_goes_on_exactly()
    {
        var rule = new Sgd(0.05f, momentum: 0.9f);
        var (whole, _) = Train(rule, epochs: 2);
        // The last write is of step 8; the two steps after it are lost with the process.
        using (var trainer = Trainer(rule))
        {
            trainer.Fit(Data(), epochs: 2, batch: Batch, checkpoint: new CheckpointOptions(Checkpoint, EveryEpochs: 0, EverySteps: 4));
        }

        var (resumed, result) = Train(rule, epochs: 2, resume: true);
        Assert.That(result.Steps, Is.EqualTo(2));
        Assert.That(resumed, Is.EqualTo(whole));
    }

    [Test]
    public void A_cancelled_run_goes_on_in_the_same_trainer()
    {
        var rule = new Sgd(0.05f, momentum: 0.9f);
        var (whole, _) = Train(rule, epochs: 2);
        using var trainer = Trainer(rule);
        using var source = new CancellationTokenSource();
        var result = trainer.Fit(Data(), epochs: 2, batch: Batch, progress: new Stop(source, 3), cancellation: source.Token);
        Assert.That(result.Completed, Is.False);
        trainer.Fit(Data(), epochs: 2, batch: Batch);
        Assert.That(TrainerTests.Weights(trainer.Model), Is.EqualTo(whole));
    }

    [Test]
    public void A_finished_run_can_be_made_longer()
    {
        var rule = new Sgd(0.05f, momentum: 0.9f);
        using (var trainer = Trainer(rule, LearningRateSchedule.Constant))
        {
            trainer.Fit(Data(), epochs: 1, batch: Batch, checkpoint: new CheckpointOptions(Checkpoint));
        }

        using var longer = Trainer(rule, LearningRateSchedule.Constant);
        longer.Resume(Checkpoint);
        Assert.That(longer.Epoch, Is.EqualTo(1));
        Assert.That(longer.Fit(Data(), epochs: 2, batch: Batch).Steps, Is.EqualTo(StepsPerEpoch));
        using var whole = Trainer(rule, LearningRateSchedule.Constant);
        whole.Fit(Data(), epochs: 2, batch: Batch);
        Assert.That(TrainerTests.Weights(longer.Model), Is.EqualTo(TrainerTests.Weights(whole.Model)));
    }

    [Test]
    public void A_second_fit_trains_on_with_a_new_order()
    {
        using var trainer = Trainer(new Sgd(0.05f));
        trainer.Fit(Data(), epochs: 1, batch: Batch);
        var before = TrainerTests.Weights(trainer.Model);
        Assert.That(trainer.Fit(Data(), epochs: 1, batch: Batch).Steps, Is.EqualTo(StepsPerEpoch));
        Assert.That(TrainerTests.Weights(trainer.Model), Is.Not.EqualTo(before));
    }

    [Test]
    public void The_file_names_what_it_holds()
    {
        Train(new Adam(0.01f), epochs: 2, stopAfter: 7);
        using var file = SafeTensors.Open(Checkpoint);
        Assert.That(file.Names, Does.Contain("0.weight").And.Contain("1.running_var").And.Contain("optimizer.step")
            .And.Contain("optimizer.7.weight.moment2").And.Contain("random.6.random_state"));
        Assert.That(file.Metadata["epoch"], Is.EqualTo("1"));
        Assert.That(file.Metadata["batch_index"], Is.EqualTo("2"));
        Assert.That(file.Metadata["step"], Is.EqualTo("7"));
        Assert.That(file.Metadata["seed"], Is.EqualTo("11"));
        Assert.That(file.Metadata["input_shape"], Is.EqualTo("1,12,12"));
    }

    [Test]
    public void Other_data_or_batches_cannot_continue_an_epoch()
    {
        Train(new Sgd(0.05f), epochs: 2, stopAfter: 3);
        using var trainer = Trainer(new Sgd(0.05f));
        trainer.Resume(Checkpoint);
        var error = Assert.Throws<InvalidOperationException>(() => trainer.Fit(Data(), epochs: 2, batch: 16))!;
        Assert.That(error.Message, Does.Contain("batch 3").And.Contain("32").And.Contain("16"));
    }

    [Test]
    public void Another_optimiser_is_refused_with_a_list()
    {
        Train(new Sgd(0.05f, momentum: 0.9f), epochs: 2, stopAfter: 3);
        using var trainer = Trainer(new Adam());
        var before = TrainerTests.Weights(trainer.Model);
        var error = Assert.Throws<InvalidDataException>(() => trainer.Resume(Checkpoint))!;
        Assert.That(error.Message, Does.Contain("missing: 'optimizer.0.weight.moment1', F32 (4, 1, 3, 3)")
            .And.Contain("extra: 'optimizer.0.weight.velocity', F32 (4, 1, 3, 3)"));
        Assert.That(TrainerTests.Weights(trainer.Model), Is.EqualTo(before));
    }

    [Test]
    public void Another_model_is_refused_with_a_list()
    {
        Train(new Sgd(0.05f), epochs: 1);
        using (var trainer = Trainer(new Sgd(0.05f))) trainer.Save(Checkpoint);
        using var other = new Trainer(
            new Sequential(new Conv2d(1, 6, kernel: 3, bias: false), new Linear(5, 5)), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var error = Assert.Throws<InvalidDataException>(() => other.Load(Checkpoint))!;
        Assert.That(error.Message, Does.Contain("differs: '0.weight' is F32 (4, 1, 3, 3), expected F32 (6, 1, 3, 3)")
            .And.Contain("extra: '7.bias'").And.Contain("differs: '1.weight' is F32 (4), expected F32 (5, 5)"));
        var refused = Assert.Throws<InvalidDataException>(() => other.Resume(Checkpoint))!;
        Assert.That(refused.Message, Does.Contain("no checkpoint"));
    }

    [Test]
    public void Weights_are_read_from_either_kind_of_file()
    {
        Train(new Adam(0.01f), epochs: 2, stopAfter: 7);
        using var first = Trainer(new Sgd(0.05f));
        first.Load(Checkpoint);
        var weights = Folder.File("weights.safetensors");
        first.Save(weights);
        using var second = Trainer(new Sgd(0.05f));
        second.Load(weights);
        Assert.That(TrainerTests.Weights(second.Model), Is.EqualTo(TrainerTests.Weights(first.Model)));
        Assert.That(second.Evaluate(Data()).Loss, Is.EqualTo(first.Evaluate(Data()).Loss));
    }

    [Test]
    public void A_damaged_file_is_refused_and_changes_nothing([Values(0, 7, 100, -1)] int keep)
    {
        Train(new Sgd(0.05f), epochs: 2, stopAfter: 3);
        var bytes = File.ReadAllBytes(Checkpoint);
        File.WriteAllBytes(Checkpoint, bytes[..(keep < 0 ? bytes.Length + keep : keep)]);
        using var trainer = Trainer(new Sgd(0.05f));
        var before = TrainerTests.Weights(trainer.Model);
        var error = Assert.Throws<InvalidDataException>(() => trainer.Resume(Checkpoint))!;
        Assert.That(error.Message, Does.Contain("run.safetensors"));
        Assert.Throws<InvalidDataException>(() => trainer.Load(Checkpoint));
        Assert.That(TrainerTests.Weights(trainer.Model), Is.EqualTo(before));
    }

    [TestCase("step", "x")]
    [TestCase("epoch", "-1")]
    [TestCase("epoch_loss_sum", "NaN")]
    [TestCase("input_shape", "1,x")]
    [TestCase("input_type", "Int64")]
    [TestCase("normalization_deviation", "0")]
    [TestCase("format_version", "2")]
    public void Broken_metadata_is_named(string key, string text)
    {
        Train(new Sgd(0.05f), epochs: 2, stopAfter: 3);
        var entries = new List<TensorEntry>();
        Dictionary<string, string> metadata;
        using (var file = SafeTensors.Open(Checkpoint))
        {
            metadata = new Dictionary<string, string>(file.Metadata) { [key] = text };
            foreach (var name in file.Names)
            {
                var data = new byte[file.Info(name).Bytes];
                file.Read(name, data.AsSpan());
                entries.Add(TensorEntry.Create(name, file.Info(name).Type, file.Info(name).Shape, data));
            }
        }

        SafeTensors.Write(Checkpoint, entries, metadata);
        using var trainer = Trainer(new Sgd(0.05f));
        var error = Assert.Throws<InvalidDataException>(() => trainer.Resume(Checkpoint))!;
        Assert.That(error.Message, Does.Contain(text).And.Contain("run.safetensors"));
    }

    [Test]
    public void A_missing_file_is_said() =>
        Assert.Throws<FileNotFoundException>(() =>
        {
            using var trainer = Trainer(new Sgd(0.05f));
            trainer.Resume(Checkpoint);
        });

    private static DeepNative.Data.ImageDataset Data() => Synthetic.Images(Examples, size: 12);

    private Trainer Trainer(Optimizer rule, LearningRateSchedule? schedule = null) =>
        new(
            TrainerTests.Net(), new SoftmaxCrossEntropy(), rule, Device, seed: 11,
            new TrainerOptions { Schedule = schedule ?? _schedule, ProgressInterval = TimeSpan.Zero });

    private (float[] Weights, FitResult Result) Train(Optimizer rule, int epochs, int stopAfter = 0, bool resume = false)
    {
        using var trainer = Trainer(rule);
        using var source = new CancellationTokenSource();
        if (resume) trainer.Resume(Checkpoint);
        var result = trainer.Fit(
            Data(), epochs, Batch, progress: new Stop(source, stopAfter),
            checkpoint: stopAfter > 0 ? new CheckpointOptions(Checkpoint, EveryEpochs: 0) : null, cancellation: source.Token);
        return (TrainerTests.Weights(trainer.Model), result);
    }

    private sealed class Stop(CancellationTokenSource source, int step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == step) source.Cancel();
        }
    }
}
