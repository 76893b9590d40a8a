using System.Text.Json;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Golden;

/// <summary>Twenty steps of every rule against PyTorch's.</summary>
internal sealed class OptimizersGoldenTests
{
    [TestCaseSource(nameof(Kinds), new object[] { "rule" })]
    public void A_rule_goes_pytorchs_way(string deviceName, object argument)
    {
        var golden = (GoldenCase)argument;
        var device = TestDevices.Get(deviceName);
        var rule = Create(golden.Attributes);
        using var run = new UpdateRun(device, rule, [golden["weight0"], golden["weight1"]]);
        for (var step = 0; step < golden.Attributes.GetProperty("steps").GetInt32(); step++)
        {
            run.Step(step < 15 ? rule.LearningRate : rule.LearningRate * 0.5f, [Row(golden["grad0"], step), Row(golden["grad1"], step)]);
            if (step == 0) Check(run, golden, "first", 4e-7);
        }

        // Some roundings a step, of weights up to 1 and of states that depend on them.
        Check(run, golden, "result", 4e-6);
        foreach (var (name, expected) in golden.Tensors)
        {
            var index = name[^1] - '0';
            if (run.State.Names.Contains($"{index}.{name[..^1]}"))
                Near(run.State[$"{index}.{name[..^1]}"].ToArray<float>(), expected.Numbers, 1e-5, $"{name} of {golden}");
        }

        foreach (var name in run.State.Names.Where(name => name.Contains('.')))
            Assert.That(golden.Tensors.Keys, Does.Contain(name[2..] + name[0]), "a state that was not compared");
    }

    private static IEnumerable<TestCaseData> Kinds(string kind) =>
        from device in TestDevices.Names
        from golden in GoldenFile.Load("optimizers")
        where golden.Attributes.GetProperty("kind").GetString() == kind
        select new TestCaseData(device, golden).SetArgDisplayNames(device, golden.Name);

    [TestCaseSource(nameof(Kinds), new object[] { "clip_norm" })]
    [TestCaseSource(nameof(Kinds), new object[] { "clip_value" })]
    public void Gradients_are_clipped_pytorchs_way(string deviceName, object argument)
    {
        var golden = (GoldenCase)argument;
        var device = TestDevices.Get(deviceName);
        var limit = golden.Attributes.GetProperty("limit").GetSingle();
        var hasNorm = golden.Tensors.ContainsKey("norm");
        var clipping = hasNorm ? GradientClipping.ByNorm(limit) : GradientClipping.ByValue(limit);
        var graph = new Graph(training: true, "clip");
        var tensors = new List<Tensor>();
        Tensor Make(Shape shape)
        {
            tensors.Add(new Tensor(device, DType.Float32, shape));
            return tensors[^1];
        }

        var gradients = new List<Value>();
        for (var i = 0; i < 2; i++)
        {
            var tensor = Make(golden[$"grad{i}"].Shape);
            tensor.Write<float>(Array.ConvertAll(golden[$"grad{i}"].Numbers, number => (float)number));
            gradients.Add(graph.Bind(tensor, $"gradient{i}"));
        }

        var clipped = clipping.Apply(gradients);
        for (var i = 0; i < 2; i++) graph.Store(clipped[i], Make(clipped[i].Shape));
        graph.Store(GradientClipping.Norm(gradients), Make(Shape.Scalar));
        using (var program = graph.Compile(device)) program.Run();
        for (var i = 0; i < 2; i++) Near(tensors[2 + i].ToArray<float>(), golden[$"clipped{i}"].Numbers, 5e-7, $"gradient {i}");
        if (hasNorm) Near(tensors[4].ToArray<float>(), golden["norm"].Numbers, 5e-7, "norm");
        foreach (var tensor in tensors) tensor.Dispose();
    }

    [TestCaseSource(nameof(Kinds), new object[] { "average" })]
    public void Weights_are_averaged_pytorchs_way(string deviceName, object argument)
    {
        var golden = (GoldenCase)argument;
        var device = TestDevices.Get(deviceName);
        var weights = golden["weights"];
        var parameter = new Parameter("weight", weights.Shape.From(1)) { Tensor = new Tensor(device, DType.Float32, weights.Shape.From(1)) };
        parameter.Tensor!.Write<float>(new float[weights.Shape.From(1).Count]);
        using var average = new AveragedWeights(device, new ExponentialAverage(golden.Attributes.GetProperty("decay").GetSingle()), [parameter]);
        var graph = new Graph(training: true, "average");
        average.Update(graph);
        using var program = graph.Compile(device);
        for (var step = 0; step < weights.Shape[0]; step++)
        {
            parameter.Tensor!.Write<float>(Row(weights, step));
            program.Run();
            Near(average.Find(parameter)!.ToArray<float>(), Array.ConvertAll(Row(golden["averages"], step), number => (double)number), 1e-6, $"step {step}");
        }

        parameter.Tensor!.Dispose();
    }

    private static Optimizer Create(JsonElement a)
    {
        float Get(string name, float usual) => a.TryGetProperty(name, out var value) ? value.GetSingle() : usual;
        bool Is(string name) => a.TryGetProperty(name, out var value) && value.GetBoolean();
        float Beta(int i, float usual) => a.TryGetProperty("betas", out var betas) ? betas[i].GetSingle() : usual;
        var decay = Get("weight_decay", 0f);
        return a.GetProperty("rule").GetString() switch
        {
            "sgd" => new Sgd(Get("lr", 0f), Get("momentum", 0f), decay, Is("nesterov"), Get("dampening", 0f)),
            "adagrad" => new Adagrad(Get("lr", 0f), Get("eps", 1e-10f), decay, Get("initial_accumulator_value", 0f)),
            "rmsprop" => new RmsProp(Get("lr", 0f), Get("alpha", 0.99f), Get("eps", 1e-8f), Get("momentum", 0f), decay, Is("centered")),
            "adadelta" => new Adadelta(Get("lr", 1f), Get("rho", 0.9f), Get("eps", 1e-6f), decay),
            "adam" => new Adam(Get("lr", 0f), Beta(0, 0.9f), Beta(1, 0.999f), Get("eps", 1e-8f), decay),
            "adamw" => new AdamW(Get("lr", 0f), Beta(0, 0.9f), Beta(1, 0.999f), Get("eps", 1e-8f), Get("weight_decay", 0.01f)),
            "adamax" => new Adamax(Get("lr", 0f), Beta(0, 0.9f), Beta(1, 0.999f), Get("eps", 1e-8f), decay),
            "nadam" => new NAdam(
                Get("lr", 0f), Beta(0, 0.9f), Beta(1, 0.999f), Get("eps", 1e-8f), decay, Get("momentum_decay", 4e-3f),
                Is("decoupled_weight_decay")),
            var other => throw new InvalidDataException($"no rule '{other}'."),
        };
    }

    private static float[] Row(GoldenTensor tensor, int row)
    {
        var count = tensor.Numbers.Length / (int)tensor.Shape[0];
        return Array.ConvertAll(tensor.Numbers[(row * count)..((row + 1) * count)], number => (float)number);
    }

    private static void Check(UpdateRun run, GoldenCase golden, string what, double allowed)
    {
        for (var i = 0; i < 2; i++) Near(run.Weights(i), golden[$"{what}{i}"].Numbers, allowed, $"{what}{i} of {golden}");
    }

    private static void Near(float[] found, double[] expected, double allowed, string what)
    {
        Assert.That(found, Has.Length.EqualTo(expected.Length), what);
        for (var i = 0; i < found.Length; i++)
            if (!(Math.Abs(found[i] - expected[i]) <= allowed * Math.Max(1.0, Math.Abs(expected[i]))))
                Assert.Fail($"{what}: element {i} is {found[i]:R}, expected {expected[i]:R}");
    }
}
