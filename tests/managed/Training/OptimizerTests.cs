using DeepNative.Optimizers;

namespace DeepNative.Tests.Training;

/// <summary>Updates against the formulas in double precision, over several steps.</summary>
internal sealed class OptimizerTests
{
    private const int Steps = 5;

    private static readonly float[] _weights = [1f, -2f, 0.5f, 3f, 0f, -0.25f];

    private static IEnumerable<TestCaseData> SgdCases()
    {
        yield return new TestCaseData(new Sgd(0.1f));
        yield return new TestCaseData(new Sgd(0.1f, weightDecay: 0.01f));
        yield return new TestCaseData(new Sgd(0.1f, momentum: 0.9f));
        yield return new TestCaseData(new Sgd(0.1f, momentum: 0.9f, weightDecay: 0.01f, nesterov: true));
    }

    [TestCaseSource(nameof(SgdCases))]
    public void Sgd_follows_its_formula(Sgd rule)
    {
        var expected = Array.ConvertAll(_weights, value => (double)value);
        var velocity = new double[expected.Length];
        for (var step = 0; step < Steps; step++)
        {
            for (var i = 0; i < expected.Length; i++)
            {
                var gradient = Gradient(step, i) + (double)rule.WeightDecay * expected[i];
                velocity[i] = rule.Momentum * velocity[i] + gradient;
                expected[i] -= rule.LearningRate * (rule.Nesterov ? gradient + rule.Momentum * velocity[i] : velocity[i]);
            }
        }

        using var run = new Updates(rule);
        Check(run.Run(), expected);
        if (rule.Momentum != 0f) Check(run.State["w.velocity"].ToArray<float>(), velocity);
        else Assert.That(run.State.Names, Is.Empty);
    }

    private static IEnumerable<TestCaseData> AdamCases()
    {
        yield return new TestCaseData(new Adam(0.01f));
        yield return new TestCaseData(new Adam(0.01f, beta1: 0.5f, beta2: 0.9f, epsilon: 1e-3f, weightDecay: 0.1f));
        yield return new TestCaseData(new Adam(0.01f, weightDecay: 0.1f, decoupled: true));
    }

    [TestCaseSource(nameof(AdamCases))]
    public void Adam_follows_its_formula(Adam rule)
    {
        var expected = Array.ConvertAll(_weights, value => (double)value);
        var moment1 = new double[expected.Length];
        var moment2 = new double[expected.Length];
        for (var step = 0; step < Steps; step++)
        {
            for (var i = 0; i < expected.Length; i++)
            {
                double gradient = Gradient(step, i);
                if (rule.Decoupled) expected[i] -= rule.LearningRate * rule.WeightDecay * expected[i];
                else gradient += rule.WeightDecay * expected[i];
                moment1[i] = rule.Beta1 * moment1[i] + (1 - rule.Beta1) * gradient;
                moment2[i] = rule.Beta2 * moment2[i] + (1 - rule.Beta2) * gradient * gradient;
                var unbiased1 = moment1[i] / (1 - Math.Pow(rule.Beta1, step + 1));
                var unbiased2 = moment2[i] / (1 - Math.Pow(rule.Beta2, step + 1));
                expected[i] -= rule.LearningRate * unbiased1 / (Math.Sqrt(unbiased2) + rule.Epsilon);
            }
        }

        using var run = new Updates(rule);
        Check(run.Run(), expected);
        Assert.That(run.State.Names, Is.EqualTo(new[] { "w.moment1", "w.moment2", "step" }));
        Check(run.State["w.moment1"].ToArray<float>(), moment1);
        Check(run.State["w.moment2"].ToArray<float>(), moment2);
        Assert.That(run.State["step"].ToArray<long>(), Is.EqualTo(new[] { (long)Steps }));
    }

    [Test]
    public void Wrong_numbers_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Sgd(0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Sgd(float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Sgd(0.1f, momentum: 1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Sgd(0.1f, weightDecay: -1f));
        Assert.Throws<ArgumentException>(() => _ = new Sgd(0.1f, nesterov: true));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Adam(beta1: 1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Adam(beta2: -0.1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Adam(epsilon: 0f));
    }

    private static float Gradient(int step, int i) => (i - 2) * 0.3f + step * 0.1f;

    // A few roundings a step, of numbers up to 3.
    private static void Check(float[] found, double[] expected)
    {
        for (var i = 0; i < expected.Length; i++)
            Assert.That(found[i], Is.EqualTo(expected[i]).Within(Steps * 4e-7 * Math.Max(1.0, Math.Abs(expected[i]))), $"element {i}");
    }

    private sealed class Updates : IDisposable
    {
        private readonly Device _device = TestMachine.Open();
        private readonly Parameter _parameter = new("w", new Shape(_weights.Length));
        private readonly Tensor _gradient;
        private readonly CompiledProgram _program;

        public Updates(Optimizer rule)
        {
            _parameter.Tensor = new Tensor(_device, DType.Float32, _parameter.Shape);
            _parameter.Tensor.Write<float>(_weights);
            _gradient = new Tensor(_device, DType.Float32, _parameter.Shape);
            State = new OptimizerState(_device, [_parameter]);
            State.LearningRate.Write<float>([rule.LearningRate]);
            rule.CreateState(State);
            var graph = new Graph(training: true, "update");
            rule.Update(graph, State, [graph.Bind(_gradient, "gradient")]);
            _program = graph.Compile(_device);
        }

        public OptimizerState State { get; }

        public float[] Run()
        {
            for (var step = 0; step < Steps; step++)
            {
                var gradient = new float[_weights.Length];
                for (var i = 0; i < gradient.Length; i++) gradient[i] = Gradient(step, i);
                _gradient.Write<float>(gradient);
                _program.Run();
            }

            return _parameter.Tensor!.ToArray<float>();
        }

        public void Dispose()
        {
            _program.Dispose();
            State.Dispose();
            _gradient.Dispose();
            _parameter.Tensor!.Dispose();
            _device.Dispose();
        }
    }
}
