using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Tests.Operators;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

internal sealed class RegularizerTests
{
    [Test]
    public void Penalties_are_those_of_their_formulas()
    {
        using var device = TestMachine.Open();
        var model = new Sequential(new Linear(3, 2), new Linear(2, 2));
        model.Materialize(device, seed: 5);
        var weights = model.Parameters().ToDictionary(parameter => parameter.Name, parameter => parameter.Tensor!.ToArray<float>());
        var all = weights["0.weight"].Concat(weights["1.weight"]).ToArray();
        Check(Regularizer.L1(0.5f), 0.5 * all.Sum(Math.Abs), w => 0.5 * Math.Sign(w), bias: 0);
        Check(Regularizer.L2(0.5f), 0.5 * all.Sum(w => w * w), w => w, bias: 0);
        Check(Regularizer.Elastic(0.5f, 2f), 0.5 * all.Sum(Math.Abs) + 2 * all.Sum(w => w * w), w => 0.5 * Math.Sign(w) + 4 * w, bias: 0);
        var biased = all.Concat(weights["0.bias"]).Concat(weights["1.bias"]).ToArray();
        Check(Regularizer.L2(1f, _ => true), biased.Sum(w => w * w), w => 2 * w, bias: 1);
        Check(Regularizer.L1(1f, parameter => parameter.Name.StartsWith("0.", StringComparison.Ordinal)), weights["0.weight"].Concat(weights["0.bias"]).Sum(Math.Abs), w => Math.Sign(w), bias: 1);
        model.ReleaseTensors();

        void Check(Regularizer regularizer, double expected, Func<double, double> slope, int bias)
        {
            var graph = new Graph(training: true);
            var penalty = regularizer.Penalty(graph, model.Parameters());
            var parameter = model.Parameters()[bias];
            using var value = new Tensor(device, DType.Float32, []);
            using var gradient = new Tensor(device, DType.Float32, parameter.Shape);
            graph.Store(penalty, value);
            graph.Store(graph.Gradients(penalty, [graph.Parameter(parameter)])[0], gradient);
            using var program = graph.Compile(device);
            program.Run();
            Assert.That(value.ToArray<float>()[0], Is.EqualTo(expected).Within(1e-5 * expected));
            var expectedGradient = Array.ConvertAll(weights[parameter.Name], w => slope(w));
            Tolerance.Check("gradient", TensorNumbers.Read(gradient), expectedGradient, DType.Float32, 4);
        }
    }

    [Test]
    public void Nothing_chosen_is_no_penalty()
    {
        using var device = TestMachine.Open();
        var model = new Linear(3, 2);
        using var trainer = new Trainer(
            model, new SquaredError(), new Sgd(0.1f), device, seed: 1, new TrainerOptions { Regularizers = [Regularizer.L1(1f, _ => false), Regularizer.L2(0f)] });
        using var plain = new Trainer(new Linear(3, 2), new SquaredError(), new Sgd(0.1f), device, seed: 1);
        var data = new TensorDataset(new Shape(3), [1, 2, 3, 4, 5, 6], new Shape(2), [1f, 0f, 0f, 1f]);
        trainer.Fit(data, new FitOptions { Epochs = 3, Batch = 2 });
        plain.Fit(data, new FitOptions { Epochs = 3, Batch = 2 });
        Assert.That(Weights(trainer.Model), Is.EqualTo(Weights(plain.Model)));
    }

    [Test]
    public void L2_is_weight_decay_for_gradient_descent([Values(1, 3)] int accumulation)
    {
        using var device = TestMachine.Open();
        var data = Synthetic.Plane(48);
        var options = new FitOptions { Epochs = 5, Batch = 8, Shuffle = false };
        using var penalized = new Trainer(
            Net(), new SquaredError(), new Sgd(0.1f), device, seed: 1, new TrainerOptions { Regularizers = [Regularizer.L2(0.05f)], AccumulationSteps = accumulation });
        using var decayed = new Trainer(Net(), new SquaredError(), new Sgd(0.1f, weightDecay: 0.1f), device, seed: 1, new TrainerOptions { AccumulationSteps = accumulation });
        using var plain = new Trainer(Net(), new SquaredError(), new Sgd(0.1f), device, seed: 1, new TrainerOptions { AccumulationSteps = accumulation });
        var loss = penalized.Fit(data, options).Loss;
        Assert.That(loss, Is.EqualTo(decayed.Fit(data, options).Loss).Within(1e-5), "the loss is told without the penalty");
        plain.Fit(data, options);
        Tolerance.Check("weights", Weights(penalized.Model), Weights(decayed.Model), DType.Float32, 1000);
        Assert.That(Weights(penalized.Model).Sum(Math.Abs), Is.LessThan(0.98 * Weights(plain.Model).Sum(Math.Abs)));

        static Sequential Net() => new(new Linear(2, 6, bias: false), new Tanh(), new Linear(6, 1, bias: false));
    }

    [Test]
    public void L1_makes_useless_weights_vanish()
    {
        using var device = TestMachine.Open();
        var random = new Philox(3);
        var inputs = new float[5 * 64];
        random.FillUniform(inputs, -1f, 1f);
        var targets = new float[64];
        for (var i = 0; i < targets.Length; i++) targets[i] = 2f * inputs[5 * i];
        var data = new TensorDataset(new Shape(5), inputs, new Shape(1), targets);
        using var trainer = new Trainer(
            new Linear(5, 1, bias: false), new SquaredError(), new Sgd(0.05f), device, seed: 1, new TrainerOptions { Regularizers = [Regularizer.L1(0.1f)] });
        trainer.Fit(data, new FitOptions { Epochs = 100, Batch = 64 });
        var weights = Weights(trainer.Model);
        Assert.That(weights[0], Is.GreaterThan(1.5));
        Assert.That(weights.Skip(1), Has.All.EqualTo(0).Within(0.011), "they step to and fro around 0");
    }

    [Test]
    public void Negative_factors_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Regularizer.L1(-1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Regularizer.L2(-1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Regularizer.Elastic(1f, -1f));
    }

    private static double[] Weights(Layer model) => [.. model.Parameters().SelectMany(parameter => TensorNumbers.Read(parameter.Tensor!))];
}
