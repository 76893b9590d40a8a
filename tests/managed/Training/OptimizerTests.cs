using DeepNative.Optimizers;
using DeepNative.Tests.Golden;
using DeepNative.Tests.Operators;

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

    private static IEnumerable<TestCaseData> LarsCases()
    {
        yield return new TestCaseData(new Lars(0.5f, momentum: 0f));
        yield return new TestCaseData(new Lars(0.5f, momentum: 0.9f, weightDecay: 0.1f, trustCoefficient: 0.02f, adapts: _ => true));
        yield return new TestCaseData(new Lars(0.5f, momentum: 0.9f, weightDecay: 0.1f, adapts: _ => false));
    }

    [TestCaseSource(nameof(LarsCases))]
    public void Lars_follows_its_formula(Lars rule)
    {
        var adapted = rule.Momentum != 0f && rule.TrustCoefficient == 0.02f;
        var expected = Array.ConvertAll(_weights, value => (double)value);
        var velocity = new double[expected.Length];
        for (var step = 0; step < Steps; step++)
        {
            var gradients = Enumerable.Range(0, expected.Length).Select(i => (double)Gradient(step, i)).ToArray();
            var decay = adapted ? rule.WeightDecay : 0.0;
            var (size, slope) = (Norm(expected), Norm(gradients));
            var trust = adapted ? rule.TrustCoefficient * size / (slope + decay * size + rule.Epsilon) : 1.0;
            for (var i = 0; i < expected.Length; i++)
            {
                velocity[i] = rule.Momentum * velocity[i] + rule.LearningRate * trust * (gradients[i] + decay * expected[i]);
                expected[i] -= velocity[i];
            }
        }

        using var run = new Updates(rule);
        Check(run.Run(), expected);

        static double Norm(double[] values) => Math.Sqrt(values.Sum(value => value * value));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_lars_parameter_without_weight_or_gradient_is_not_adapted(string name)
    {
        var matrix = new GoldenTensor(DType.Float32, [2, 2], [0, 0, 0, 0]);
        using var run = new UpdateRun(TestDevices.Get(name), new Lars(0.5f, momentum: 0f), [matrix, matrix with { Numbers = [1, 2, 3, 4] }]);
        run.Step(0.5f, [1f, -2f, 0f, 4f], [0f, 0f, 0f, 0f]);
        Assert.That(run.Weights(0), Is.EqualTo(new[] { -0.5f, 1f, 0f, -2f }));
        Assert.That(run.Weights(1), Is.EqualTo(new[] { 1f, 2f, 3f, 4f }));
    }

    private static IEnumerable<TestCaseData> ComposedRules() =>
        from device in TestDevices.Names
        from rule in (Optimizer[])
        [
            new Sgd(0.1f, momentum: 0.9f, dampening: 0.1f), new Adagrad(), new RmsProp(momentum: 0.9f, centered: true), new Adadelta(),
            new Adamax(), new NAdam(weightDecay: 0.1f),
        ]
        select new TestCaseData(device, rule).SetArgDisplayNames(device, rule.GetType().Name);

    [TestCaseSource(nameof(ComposedRules))]
    public void A_composed_rule_is_one_operator_a_parameter_in_place(string name, Optimizer rule)
    {
        var weights = new GoldenTensor(DType.Float32, [3, 4], [.. Enumerable.Repeat(1.0, 12)]);
        using var run = new UpdateRun(TestDevices.Get(name), rule, [weights, weights with { Shape = [12] }, weights with { Shape = [2, 6] }]);

        // Beside numbers of a few bytes.
        var entries = run.Report.Entries.Where(entry => entry.Bytes > 64).ToArray();
        Assert.That(entries, Has.Length.EqualTo(3), string.Join('\n', run.Report.Entries));
        Assert.That(entries.Select(entry => entry.Kernel), Has.All.StartsWith("own:expression"));
    }

    [Test]
    public void Groups_have_numbers_of_their_own([Values("sgd", "adam", "adamw", "rmsprop")] string kind)
    {
        Optimizer Rule(float rate, float decay, IReadOnlyList<ParameterGroup> groups) => kind switch
        {
            "sgd" => new Sgd(rate, momentum: 0.9f, weightDecay: decay) { Groups = groups },
            "adam" => new Adam(rate, weightDecay: decay) { Groups = groups },
            "adamw" => new AdamW(rate, weightDecay: decay) { Groups = groups },
            _ => new RmsProp(rate, weightDecay: decay) { Groups = groups },
        };

        var weights = new GoldenTensor(DType.Float32, [3], [1, -2, 3]);
        using var grouped = new UpdateRun(
            TestDevice.Cpu,
            Rule(0.1f, 0.01f, [new ParameterGroup("1") { LearningRateFactor = 0.5f }, new ParameterGroup("2") { WeightDecay = 0.25f }]),
            [weights, weights, weights]);
        UpdateRun[] single =
        [
            new(TestDevice.Cpu, Rule(0.1f, 0.01f, []), [weights]),
            new(TestDevice.Cpu, Rule(0.1f, 0.01f, []), [weights]),
            new(TestDevice.Cpu, Rule(0.1f, 0.25f, []), [weights]),
        ];
        for (var step = 0; step < Steps; step++)
        {
            float[] gradient = [0.5f, step, -1f];
            grouped.Step(0.1f, gradient, gradient, gradient);
            for (var i = 0; i < 3; i++) single[i].Step(i == 1 ? 0.05f : 0.1f, gradient);
        }

        for (var i = 0; i < 3; i++)
        {
            Assert.That(grouped.Weights(i), Is.EqualTo(single[i].Weights(0)), $"parameter {i}");
            single[i].Dispose();
        }
    }

    [TestCase("*", "anything.at.all", true)]
    [TestCase("features.*", "features.0.weight", true)]
    [TestCase("features.*", "features", false)]
    [TestCase("*.bias", "0.bias", true)]
    [TestCase("*.bias", "0.bias.velocity", false)]
    [TestCase("?.weight", "3.weight", true)]
    [TestCase("?.weight", "13.weight", false)]
    [TestCase("*.1.*eight*", "block.1.weight", true)]
    [TestCase("a*b*c", "abbc", true)]
    [TestCase("a*b*c", "abcb", false)]
    [TestCase("0.weight", "0.weight", true)]
    [TestCase("0.weight", "0.Weight", false)]
    public void Patterns_match_names(string pattern, string name, bool matches) =>
        Assert.That(new ParameterGroup(pattern).Contains(new Parameter(name, [1])), Is.EqualTo(matches));

    [Test]
    public void The_text_of_a_rule_names_its_groups() =>
        Assert.That(
            new Sgd(0.1f) { Groups = [new ParameterGroup("a.*") { Frozen = true }, new ParameterGroup("b.*") { LearningRateFactor = 0.5f, WeightDecay = 0 }] }.ToString(),
            Is.EqualTo("sgd learning_rate 0.1 momentum 0 weight_decay 0 [a.* frozen, b.* learning_rate_factor 0.5 weight_decay 0]"));

    [Test]
    public void Wrong_numbers_are_refused()
    {
        Assert.Throws<ArgumentException>(() => _ = new Sgd(0.1f, dampening: 0.5f));
        Assert.Throws<ArgumentException>(() => _ = new Sgd(0.1f, momentum: 0.5f, nesterov: true, dampening: 0.5f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new RmsProp(alpha: 1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Adagrad(initialSum: -1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Adadelta(rho: -0.1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Lars(0.1f, trustCoefficient: 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new NAdam(momentumDecay: float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new Adamax(epsilon: 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new AdamW(weightDecay: -1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new ParameterGroup("*") { LearningRateFactor = 0f });
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new ParameterGroup("*") { WeightDecay = -1f });
        Assert.Throws<ArgumentException>(() => _ = new ParameterGroup(""));
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
