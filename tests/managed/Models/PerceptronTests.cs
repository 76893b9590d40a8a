using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;

namespace DeepNative.Tests.Models;

/// <summary>What one layer of units can learn, and what it cannot.</summary>
internal sealed class PerceptronTests
{
    private static readonly float[] _inputs = [0, 0, 0, 1, 1, 0, 1, 1];
    private static readonly int[] _and = [0, 0, 0, 1];
    private static readonly int[] _or = [0, 1, 1, 1];
    private static readonly int[] _xor = [0, 1, 1, 0];

    [Test]
    public void Threshold_units_are_and_and_or()
    {
        Assert.That(Outputs(Perceptron.Unit([1f, 1f], -1.5f)), Is.EqualTo(_and.Select(value => (float)value)));
        Assert.That(Outputs(Perceptron.Unit([1f, 1f], -0.5f)), Is.EqualTo(_or.Select(value => (float)value)));
    }

    [Test]
    public void The_weights_of_the_notes_are_xor() =>
        Assert.That(Outputs(Mlp.Xor()).Select(value => value > 0f ? 1 : 0), Is.EqualTo(_xor));

    // Of the 16 functions of two inputs a unit is all but two: its sum s is affine, so s(00) + s(11) = s(01) + s(10), and
    // XOR asks for one side above 0 and the other not.
    [Test]
    public void No_unit_is_xor()
    {
        var found = new HashSet<int>();
        for (var a = -4; a <= 4; a++)
        {
            for (var b = -4; b <= 4; b++)
            {
                for (var bias = -9; bias <= 9; bias += 2)
                {
                    double[] sums = [bias / 2.0, b + bias / 2.0, a + bias / 2.0, a + b + bias / 2.0];
                    Assert.That(sums[0] + sums[3], Is.EqualTo(sums[1] + sums[2]));
                    found.Add(sums.Aggregate(0, (bits, sum) => bits * 2 + (sum > 0 ? 1 : 0)));
                }
            }
        }

        Assert.That(Enumerable.Range(0, 16).Except(found), Is.EqualTo(new[] { 0b0110, 0b1001 }));
    }

    // Rosenblatt's rule ends where a plane separates the classes; on XOR it comes back to weights that it had, and so never ends.
    [Test]
    public void The_rule_of_the_perceptron_learns_what_is_separable()
    {
        Assert.That(Learn(_and), Is.Positive);
        Assert.That(Learn(_or), Is.Positive);
        Assert.That(Learn(_xor), Is.Negative);
    }

    [Test]
    public void Back_propagation_finds_xor()
    {
        var device = TestDevices.Get("cpu");
        var model = Mlp.Create([2, 4, 2], () => new Tanh());
        using var run = new StepRun(device, model, new SoftmaxCrossEntropy(), new Shape(4, 2), rate: 0.5f, seed: 1);
        run.Input.Write<float>(_inputs);
        run.Target.Write<int>(_xor);
        for (var step = 0; step < 2000; step++) run.Step();
        Assert.That(Classes(Outputs(model, keep: true)), Is.EqualTo(_xor));
        Assert.That(run.Loss, Is.LessThan(0.01f));
    }

    // The epochs until no sample is wrong, or minus those until the weights come back.
    private static int Learn(int[] classes)
    {
        var device = TestDevices.Get("cpu");
        var model = Perceptron.Create(new Shape(2), 2);
        using var run = new StepRun(device, model, new PerceptronCriterion(), new Shape(1, 2), rate: 1f, seed: 1);
        var seen = new HashSet<string>();
        for (var epoch = 1; epoch < 1000; epoch++)
        {
            var wrong = 0;
            for (var sample = 0; sample < 4; sample++)
            {
                run.Input.Write<float>(_inputs.AsSpan(2 * sample, 2).ToArray());
                run.Target.Write<int>([classes[sample]]);
                var before = Weights(model);
                run.Step();
                // With equal sums the loss is 0 and the first class wins: the weights tell.
                if (Weights(model) != before) wrong++;
            }

            if (wrong == 0) return epoch;
            if (!seen.Add(Weights(model))) return -epoch;
        }

        throw new InvalidOperationException("neither ended nor came back");
    }

    private static string Weights(Layer model) => string.Join(' ', model.Parameters().SelectMany(parameter => parameter.Tensor!.ToArray<float>()));

    private static IEnumerable<int> Classes(float[] outputs) => outputs.Chunk(2).Select(pair => pair[1] > pair[0] ? 1 : 0);

    private static float[] Outputs(Layer model, bool keep = false)
    {
        var device = TestDevices.Get("cpu");
        model.Materialize(device, seed: 1);
        var graph = new Graph(training: false);
        using var input = new Tensor(device, DType.Float32, new Shape(4, 2));
        input.Write<float>(_inputs);
        var y = model.Forward(graph.Bind(input, "input"));
        using var output = new Tensor(device, DType.Float32, y.Shape);
        graph.Store(y, output);
        using var program = graph.Compile(device);
        program.Run();
        if (!keep) model.ReleaseTensors();
        return output.ToArray<float>();
    }
}
