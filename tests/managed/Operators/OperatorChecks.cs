using DeepNative.Operators;
using DeepNative.Tests.Operators.Reference;

namespace DeepNative.Tests.Operators;

/// <summary>What every operator case is put through.</summary>
internal static class OperatorChecks
{
    private const double Step = 1e-5;
    private const int MaxCoordinates = 12;

    /// <summary>The derivative nodes, and where there are any those of the derivative, against central differences of the reference.</summary>
    public static void Derivative(OperatorCase test)
    {
        var builder = Build(test, device: null);
        if (!builder.Results.Contains("loss")) return;
        CompareWithDifferences(test, builder, "loss", "grad_");
        if (builder.DerivativeOrder < 2) return;

        // The sum of all first derivatives, each weighed differently; constant ones have no second.
        builder = Build(test, device: null);
        var targets = builder.Inputs.Where(input => input.Differentiable && input.Numbers.Length > 0).ToArray();
        var gradients = builder.Gradients.Select(gradient => Reduce.Sum(gradient * builder.Input(gradient.Shape, 0.5, 1.5, differentiable: false))).ToArray();
        if (gradients.Length == 0) return;
        var loss = gradients.Aggregate((sum, term) => sum + term);
        builder.Store("loss2", loss * 1f);
        foreach (var target in targets)
        {
            try
            {
                builder.Store("grad2_" + target.Name, builder.Graph.Gradients(loss, [target.Value])[0]);
            }
            catch (ArgumentException)
            {
                // The first derivative does not depend on it.
            }
        }

        CompareWithDifferences(test, builder, "loss2", "grad2_");
    }

    /// <summary>The optimised plan against the graph, both in float64.</summary>
    public static void Passes(OperatorCase test)
    {
        var builder = Build(test, device: null);
        var expected = Run(builder.Graph.Nodes, builder);
        var plan = GraphPlan.Of(builder.Graph);
        plan.Optimize();
        var actual = Run(plan.Nodes, builder);
        foreach (var name in builder.Results.Concat(builder.Inputs.Select(input => input.Name)))
            Tolerance.Check($"{test}: {name}", actual[name], expected[name], DType.Float64, 100, 1);
    }

    /// <summary>The device against the reference: results, gradients, overwritten inputs; and twice the same bits.</summary>
    public static void OnDevice(OperatorCase test, Device device, bool optimize = true, Precision precision = Precision.Float32)
    {
        var reference = Build(test, device: null);
        var expected = Run(reference.Graph.Nodes, reference);
        var builder = Build(test, device);
        using var program = builder.Graph.Compile(device, new CompileOptions { Optimize = optimize, Precision = precision });
        program.Run();
        var first = Contents(builder);
        foreach (var input in builder.Inputs) TensorNumbers.Write(input.Tensor!, input.Numbers);
        program.Run();
        var second = Contents(builder);
        foreach (var (name, (dtype, numbers)) in first)
        {
            // A gradient adds up what a result spreads, and the loss adds up all.
            var length = name == "y" || reference.ReductionLength == 0 && name != "loss" && !name.StartsWith("grad_", StringComparison.Ordinal)
                ? reference.ReductionLength
                : Math.Max(reference.ReductionLength, 4) * 4;
            if (name == "loss") length = Math.Max(length, expected["y"].Length);
            Tolerance.Check($"{test}: {name}", numbers, expected[name], Rounded(dtype, precision), length, Math.Max(reference.Magnitude, name == "loss" ? Largest(expected["y"]) : 0));
            Assert.That(second[name].Numbers, Is.EqualTo(numbers), $"{test}: {name} of two runs");
            if (!reference.MayBeZero && numbers.Length >= 10 && reference.Results.Contains(name))
                Assert.That(numbers.Count(n => n != 0), Is.AtLeast(numbers.Length / 10), $"{test}: {name} is mostly zeros and proves little");
        }
    }

    /// <summary>The shape rule's refusal.</summary>
    public static void Refused(BadCase test)
    {
        var builder = new CaseBuilder(device: null);
        using var scope = builder.Graph.Scope("block2");
        using var inner = builder.Graph.Scope("layer1");
        var error = Assert.Throws<ShapeException>(() => test.Build(builder), test.Name)!;
        Assert.That(error.Message, Does.StartWith("layer 'block2.layer1' ("));
        Assert.That(error.Message, Does.Contain(test.Message));
        Assert.That(error.Layer, Is.EqualTo("block2.layer1"));
        Assert.That(error.Expected, Is.Not.Empty);
        Assert.That(error.Found, Is.Not.Empty);
    }

    /// <summary>Contents of all bound values after a run in float64, by name.</summary>
    public static Dictionary<string, double[]> Run(IReadOnlyList<Node> nodes, CaseBuilder builder)
    {
        var run = new Interpreter();
        var given = builder.Inputs.ToDictionary(input => input.Name, input => input.Numbers);
        foreach (var bound in nodes.OfType<BoundNode>())
        {
            var value = bound.Outputs[0];
            run.Set(value, given.TryGetValue(bound.Name, out var numbers) ? [.. numbers] : new double[value.Shape.Count]);
        }

        run.Run(nodes);
        var contents = new Dictionary<string, double[]>();
        foreach (var bound in nodes.OfType<BoundNode>()) contents[bound.Name] = run[bound.Outputs[0]];
        foreach (var input in builder.Inputs) contents.TryAdd(input.Name, input.Numbers);
        return contents;
    }

    // The operator; where it has a derivative, also a loss that weighs each element differently, and its gradients.
    private static CaseBuilder Build(OperatorCase test, Device? device)
    {
        var builder = new CaseBuilder(device);
        Value y;
        using (builder.Graph.Scope("layer")) y = test.Build(builder);
        builder.Store("y", y);
        var targets = builder.Inputs.Where(input => input.Differentiable).ToArray();
        if (!builder.HasDerivative || targets.Length == 0) return builder;
        var loss = y.Shape.Rank == 0 ? y : Reduce.Sum(y * builder.Input(y.Shape, 0.5, 1.5, differentiable: false));
        if (y.Shape.Rank != 0) builder.Store("loss", loss);
        else builder.Store("loss", loss * 1f);
        var gradients = builder.Graph.Gradients(loss, Array.ConvertAll(targets, input => input.Value));
        builder.Gradients = gradients;
        for (var i = 0; i < targets.Length; i++) builder.Store("grad_" + targets[i].Name, gradients[i]);
        return builder;
    }

    private static void CompareWithDifferences(OperatorCase test, CaseBuilder builder, string loss, string prefix)
    {
        var results = Run(builder.Graph.Nodes, builder);

        // Only what comes before the gradients is run again and again.
        var stored = builder.Graph.Nodes.First(node => node is StoreNode store && store.Target.Name == loss);
        var forward = builder.Graph.Nodes.Take(stored.Order + 1).ToArray();
        foreach (var input in builder.Inputs.Where(input => input.Differentiable && input.Numbers.Length > 0))
        {
            if (!results.TryGetValue(prefix + input.Name, out var gradient)) gradient = new double[input.Numbers.Length];
            var scale = Math.Max(1e-3, gradient.Max(Math.Abs));
            foreach (var i in Coordinates(input.Numbers.Length))
            {
                var difference = Difference(forward, builder, loss, input.Numbers, i, Step);

                // A kink within the step: a step that is a hundredth is within its reach a hundred times as rarely.
                if (!IsNear(difference, gradient[i], 1e-6 * scale)) difference = Difference(forward, builder, loss, input.Numbers, i, Step / 100);
                if (!IsNear(difference, gradient[i], 1e-5 * scale))
                    Assert.Fail($"{test}: {prefix}{input.Name}[{i}] is {gradient[i]:R}, central differences give {difference:R}");
            }
        }
    }

    // As coarse as what went into it.
    private static DType Rounded(DType dtype, Precision precision) => precision switch
    {
        Precision.BFloat16 when dtype == DType.Float32 => DType.BFloat16,
        Precision.Float16 when dtype == DType.Float32 => DType.Float16,
        _ => dtype,
    };

    private static Dictionary<string, (DType DType, double[] Numbers)> Contents(CaseBuilder builder)
    {
        var contents = new Dictionary<string, (DType DType, double[] Numbers)>();
        foreach (var node in builder.Graph.Nodes.OfType<BoundNode>())
            contents[node.Name] = (node.Tensor.DType, TensorNumbers.Read(node.Tensor));
        return contents;
    }

    private static double Difference(Node[] forward, CaseBuilder builder, string loss, double[] numbers, int index, double step)
    {
        var original = numbers[index];
        numbers[index] = original + step;
        var above = Run(forward, builder)[loss][0];
        numbers[index] = original - step;
        var below = Run(forward, builder)[loss][0];
        numbers[index] = original;
        return (above - below) / (2 * step);
    }

    // The loss adds up what y spreads, and may be much smaller.
    private static double Largest(double[] numbers) => numbers.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();

    private static bool IsNear(double a, double b, double tolerance) => Math.Abs(a - b) <= tolerance;

    private static IEnumerable<int> Coordinates(int count)
    {
        var step = Math.Max(1, (count + MaxCoordinates - 1) / MaxCoordinates);
        for (var i = 0; i < count; i += step) yield return i;
    }
}
