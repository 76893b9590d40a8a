using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Serialization;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>What happens to gradients and weights around the optimiser: groups, clipping, accumulation, averages.</summary>
internal sealed class StepUpdateTests
{
    private const int Examples = 44;

    private static IEnumerable<string> Devices => TestDevices.Names;

    private static IEnumerable<Optimizer> Rules() =>
    [
        new Sgd(0.05f, momentum: 0.9f), new Sgd(0.05f, momentum: 0.9f, dampening: 0.5f), new Adagrad(), new RmsProp(), new Adadelta(),
        new Adam(0.01f), new AdamW(), new Adamax(), new NAdam(), new Lars(1f),
    ];

    [Test]
    public void Frozen_parameters_stay_to_the_bit_with_every_rule([ValueSource(nameof(Rules))] Optimizer rule)
    {
        using var device = TestMachine.Open();
        using var trainer = Make(device, Freeze(rule));
        var before = Weights(trainer.Model);
        trainer.Fit(Synthetic.Plane(Examples), new FitOptions { Epochs = 2, Batch = 8 });
        foreach (var (name, values) in Weights(trainer.Model))
            Assert.That(values, name.StartsWith("0.", StringComparison.Ordinal) ? Is.EqualTo(before[name]) : Is.Not.EqualTo(before[name]), name);
    }

    [Test]
    public void Nothing_is_differentiated_for_frozen_parameters()
    {
        using var device = TestMachine.Open();
        var model = Net();
        model.Materialize(device, 1);
        var rule = new Sgd(0.1f) { Groups = [new ParameterGroup("0.*") { Frozen = true }] };
        var trained = rule.Trained(model);
        Assert.That(trained.Select(parameter => parameter.Name), Is.EqualTo(new[] { "2.weight", "2.bias" }));
        using var update = new StepUpdate(device, rule, new OptimizerState(device, trained), new TrainerOptions());
        var graph = new Graph(training: true);
        var output = model.Forward(graph.Declare(DType.Float32, [8, 2], "input"));
        update.Add(graph, new SquaredError().Forward(output, graph.Declare(DType.Float32, [8, 1], "target")), 8, collect: false);
        var names = graph.Nodes.Select(node => node.Name).ToArray();
        Assert.That(names, Has.Some.StartsWith("2.backward").And.Some.StartsWith("0"));
        Assert.That(names, Has.None.StartsWith("0.backward").And.None.StartsWith("1.backward"));
        model.ReleaseTensors();
    }

    [Test]
    public void Frozen_parameters_have_no_state_and_the_others_their_usual_names()
    {
        using var device = TestMachine.Open();
        using var folder = new TemporaryFolder();
        using var trainer = Make(device, new Sgd(0.1f, momentum: 0.9f) { Groups = [new ParameterGroup("0.*") { Frozen = true }] });
        trainer.Fit(Synthetic.Plane(Examples), new FitOptions { Epochs = 1, Batch = 8 });
        trainer.SaveCheckpoint(folder.File("run.safetensors"));
        using var file = SafeTensors.Open(folder.File("run.safetensors"));
        Assert.That(
            file.Names.Where(name => name.StartsWith("optimizer.", StringComparison.Ordinal)),
            Is.EquivalentTo(new[] { "optimizer.2.weight.velocity", "optimizer.2.bias.velocity" }));
        Assert.That(file.Metadata["optimizer"], Does.EndWith("[0.* frozen]"));
    }

    [Test]
    public void Groups_that_contain_nothing_or_leave_nothing_are_refused()
    {
        using var device = TestMachine.Open();
        Assert.That(
            () => Make(device, new Sgd(0.1f) { Groups = [new ParameterGroup("featres.*") { Frozen = true }] }),
            Throws.ArgumentException.With.Message.Contains("featres.*"));
        Assert.That(
            () => Make(device, new Sgd(0.1f) { Groups = [new ParameterGroup("*") { Frozen = true }] }),
            Throws.ArgumentException.With.Message.Contains("frozen"));
    }

    // 44 examples: batches of 8 are 5 and a rest of 4, which makes steps of 24 and 20.
    [TestCaseSource(nameof(Devices))]
    public void Accumulated_batches_are_one_large_batch(string name)
    {
        var (large, largeLoss, steps) = Train(name, batch: 24, accumulation: 1);
        var (small, smallLoss, smallSteps) = Train(name, batch: 8, accumulation: 3);
        Assert.That(smallSteps, Is.EqualTo(steps));
        Assert.That(smallLoss, Is.EqualTo(largeLoss).Within(1e-6));
        foreach (var (parameter, values) in small)
            for (var i = 0; i < values.Length; i++)
                Assert.That(values[i], Is.EqualTo(large[parameter][i]).Within(2e-6), $"{parameter}[{i}]");

        static (Dictionary<string, float[]> Weights, double Loss, long Steps) Train(string name, int batch, int accumulation)
        {
            using var trainer = Make(
                TestDevices.Get(name), new Sgd(0.1f, momentum: 0.9f, weightDecay: 0.01f),
                new TrainerOptions { AccumulationSteps = accumulation, Schedule = LearningRateSchedule.Cosine(), Clipping = GradientClipping.ByNorm(0.5f) });
            var result = trainer.Fit(Synthetic.Plane(Examples), new FitOptions { Epochs = 3, Batch = batch });
            return (Weights(trainer.Model), result.Loss, result.Steps);
        }
    }

    // Weights of one shape are cleared by one zero, which is copied into each, whatever layout a device gave it.
    [TestCaseSource(nameof(Devices))]
    public void Equal_convolutions_and_side_heads_accumulate_with_an_average(string name)
    {
        var large = Train(name, batch: 8, accumulation: 1);
        var small = Train(name, batch: 4, accumulation: 2);
        foreach (var (parameter, values) in small)
            for (var i = 0; i < values.Length; i++)
                Assert.That(values[i], Is.EqualTo(large[parameter][i]).Within(2e-6), $"{parameter}[{i}]");

        static Dictionary<string, float[]> Train(string name, int batch, int accumulation)
        {
            using var folder = new TemporaryFolder();
            var device = TestDevices.Get(name);
            using var trainer = new Trainer(new SideHeads(), new SoftmaxCrossEntropy(), new Sgd(0.1f, momentum: 0.9f), device, seed: 3, new TrainerOptions
            {
                AccumulationSteps = accumulation,
                Averaging = new ExponentialAverage(0.5f),
                Schedule = LearningRateSchedule.Warmup(2, LearningRateSchedule.Cosine()),
            });
            var data = Synthetic.Images(16, size: 8);
            trainer.Fit(data, epochs: 2, batch: batch, validation: data);
            trainer.Save(folder.File("average.safetensors"));
            var model = new SideHeads();
            using var average = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.1f), device);
            average.Load(folder.File("average.safetensors"));
            return Weights(model);
        }
    }

    [Test]
    public void Progress_counts_steps_and_not_the_batches_of_one()
    {
        using var device = TestMachine.Open();
        using var trainer = Make(device, new Sgd(0.1f), new TrainerOptions { AccumulationSteps = 4, ProgressInterval = TimeSpan.Zero });
        var reports = new List<TrainingProgress>();
        trainer.Fit(Synthetic.Plane(Examples), new FitOptions { Epochs = 2, Batch = 8, Progress = new Callback(reports.Add) });
        Assert.That(
            reports.Select(report => (report.Epoch, report.StepInEpoch, report.StepsPerEpoch, report.Step)),
            Is.EqualTo(new[] { (1, 1, 2, 1L), (1, 2, 2, 2L), (2, 1, 2, 3L), (2, 2, 2, 4L) }));
    }

    [TestCaseSource(nameof(Devices))]
    public void The_average_follows_the_weights(string name)
    {
        using var folder = new TemporaryFolder();
        var data = Synthetic.Plane(Examples);
        using var trainer = Make(
            TestDevices.Get(name), new Sgd(0.1f), new TrainerOptions { Averaging = new ExponentialAverage(0.75f), ProgressInterval = TimeSpan.Zero });
        var untrained = trainer.Evaluate(data).Loss;
        trainer.UseAverage = false;
        Assert.That(trainer.Evaluate(data).Loss, Is.EqualTo(untrained));
        trainer.UseAverage = true;

        var history = new List<Dictionary<string, float[]>>();
        trainer.Fit(data, new FitOptions { Epochs = 2, Batch = 8, Progress = new Callback(_ => history.Add(Weights(trainer.Model))) });
        Assert.That(history, Has.Count.EqualTo(12));
        var expected = history[0].ToDictionary(pair => pair.Key, pair => Array.ConvertAll(pair.Value, value => (double)value));
        foreach (var weights in history.Skip(1))
            foreach (var (parameter, values) in weights)
                for (var i = 0; i < values.Length; i++) expected[parameter][i] += 0.25 * (values[i] - expected[parameter][i]);

        trainer.Save(folder.File("average.safetensors"));
        using var averaged = Make(TestDevices.Get(name), new Sgd(0.1f));
        averaged.Load(folder.File("average.safetensors"));
        foreach (var (parameter, values) in Weights(averaged.Model))
            for (var i = 0; i < values.Length; i++)
                Assert.That(values[i], Is.EqualTo(expected[parameter][i]).Within(2e-6), $"{parameter}[{i}]");
        var loss = trainer.Evaluate(data).Loss;
        Assert.That(loss, Is.EqualTo(averaged.Evaluate(data).Loss));
        Assert.That(trainer.Predict([0.5f, -0.25f])[0][0], Is.EqualTo(averaged.Predict([0.5f, -0.25f])[0][0]));
        trainer.UseAverage = false;
        Assert.That(trainer.Evaluate(data).Loss, Is.Not.EqualTo(loss));
        trainer.Save(folder.File("last.safetensors"));
        averaged.Load(folder.File("last.safetensors"));
        Assert.That(Weights(averaged.Model), Is.EqualTo(Weights(trainer.Model)));
    }

    [Test]
    public void A_warmed_up_average_forgets_the_first_weights_sooner()
    {
        using var device = TestMachine.Open();
        var data = Synthetic.Plane(Examples);
        using var trainer = Make(
            device, new Sgd(0.1f),
            new TrainerOptions { Averaging = new ExponentialAverage(0.9f, warmup: true), ProgressInterval = TimeSpan.Zero });
        var (expected, updates) = (0.0, 0);
        trainer.Fit(data, new FitOptions
        {
            Epochs = 2,
            Batch = 8,
            Progress = new Callback(_ =>
            {
                var weight = Weights(trainer.Model)["2.weight"][0];
                var decay = updates == 0 ? 0.0 : Math.Min(0.9, (1.0 + updates) / (10.0 + updates));
                expected = decay * expected + (1 - decay) * weight;
                updates++;
            }),
        });
        using var folder = new TemporaryFolder();
        trainer.Save(folder.File("average.safetensors"));
        trainer.Load(folder.File("average.safetensors"));
        Assert.That(Weights(trainer.Model)["2.weight"][0], Is.EqualTo(expected).Within(2e-6));
    }

    [TestCaseSource(nameof(Devices))]
    public void The_norm_of_every_step_is_told(string name)
    {
        var norms = new List<(long, float)>();
        using var trainer = Make(
            TestDevices.Get(name), new Sgd(0.1f),
            new TrainerOptions { GradientNorm = (step, norm) => norms.Add((step, norm)), Clipping = GradientClipping.ByNorm(0.25f), ProgressInterval = TimeSpan.Zero });
        var weights = new List<Dictionary<string, float[]>> { Weights(trainer.Model) };
        trainer.Fit(Synthetic.Plane(Examples), new FitOptions { Epochs = 2, Batch = 8, Progress = new Callback(_ => weights.Add(Weights(trainer.Model))) });
        Assert.That(norms.Select(entry => entry.Item1), Is.EqualTo(Enumerable.Range(1, 12).Select(step => (long)step)));
        for (var step = 0; step < 12; step++)
        {
            // What SGD moved by is the clipped gradient.
            var moved = 0.0;
            foreach (var (parameter, values) in weights[step])
                for (var i = 0; i < values.Length; i++) moved += Math.Pow((values[i] - weights[step + 1][parameter][i]) / 0.1, 2);
            Assert.That(norms[step].Item2, Is.GreaterThan(0f));
            Assert.That(Math.Sqrt(moved), Is.EqualTo(Math.Min(norms[step].Item2, 0.25)).Within(1e-4), $"step {step + 1}");
        }
    }

    [Test]
    public void A_plateau_reduces_the_rate_and_needs_a_validation_set()
    {
        using var device = TestMachine.Open();
        var schedule = LearningRateSchedule.Warmup(2, LearningRateSchedule.Plateau(0.5, patience: 0, threshold: 1e9, absolute: true));
        using var trainer = Make(device, new Sgd(0.01f), new TrainerOptions { Schedule = schedule });
        var rates = new List<float>();
        var options = new FitOptions { Epochs = 3, Batch = 8, Validation = Synthetic.Plane(9, seed: 5), Progress = new Callback(report => rates.Add(report.LearningRate)) };
        trainer.Fit(Synthetic.Plane(Examples), options);
        Assert.That(rates, Is.EqualTo(new[] { 0.01f, 0.01f, 0.005f }));
        Assert.That(
            () => trainer.Fit(Synthetic.Plane(Examples), options with { Validation = null }),
            Throws.ArgumentException.With.Message.Contains("validation"));
    }

    [Test]
    public void Wrong_options_are_refused()
    {
        using var device = TestMachine.Open();
        Assert.Throws<ArgumentOutOfRangeException>(() => Make(device, new Sgd(0.1f), new TrainerOptions { AccumulationSteps = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => GradientClipping.ByNorm(0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => GradientClipping.ByValue(float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new ExponentialAverage(1f));
        Assert.Throws<ArgumentException>(() => GradientClipping.Norm([]));
    }

    private static Optimizer Freeze(Optimizer rule)
    {
        IReadOnlyList<ParameterGroup> groups = [new ParameterGroup("0.*") { Frozen = true }];
        return rule switch
        {
            Sgd r => new Sgd(r.LearningRate, r.Momentum, dampening: r.Dampening) { Groups = groups },
            Adagrad => new Adagrad { Groups = groups },
            RmsProp => new RmsProp { Groups = groups },
            Adadelta => new Adadelta { Groups = groups },
            Adam => new Adam { Groups = groups },
            AdamW => new AdamW { Groups = groups },
            Adamax => new Adamax { Groups = groups },
            NAdam => new NAdam { Groups = groups },
            _ => new Lars(1f) { Groups = groups },
        };
    }

    private static Sequential Net() => new(new Linear(2, 5), new Tanh(), new Linear(5, 1));

    private static Trainer Make(Device device, Optimizer rule, TrainerOptions? options = null) =>
        new(Net(), new SquaredError(), rule, device, seed: 3, options);

    private static Dictionary<string, float[]> Weights(Layer model) =>
        model.Parameters().ToDictionary(parameter => parameter.Name, parameter => parameter.Tensor!.ToArray<float>());

    /// <summary>Two convolutions of one shape, and in training a second head of the shape of the first.</summary>
    private sealed class SideHeads : Layer
    {
        private readonly Sequential _body;
        private readonly Linear _head;
        private readonly Linear _side;

        public SideHeads()
        {
            _body = AddChild("body", new Sequential(
                new Conv2d(1, 16, 3), new ReLU(), new Conv2d(16, 16, 3, padding: 1), new ReLU(), new Conv2d(16, 16, 3, padding: 1), new GlobalAvgPool(),
                new Flatten()));
            _head = AddChild("head", new Linear(16, 10));
            _side = AddChild("side", new Linear(16, 10));
        }

        protected override Value Build(Value input)
        {
            var features = _body.Forward(input);
            if (input.Graph.Training) input.Graph.AddAuxiliary(_side.Forward(features), 0.3f);
            return _head.Forward(features);
        }
    }

    private sealed class Callback(Action<TrainingProgress> told) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => told(value);
    }
}
