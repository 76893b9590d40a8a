using DeepNative.Layers;
using DeepNative.Operators;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Layers;

/// <summary>What the layers that draw random numbers do in training, by their statistics, and in evaluation.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.Names))]
internal sealed class NoiseTests(string device)
{
    private static readonly Shape _shape = [16, 8, 8, 8];

    private static Layer[] All => [new Dropout(0.25f), new Dropout2d(0.25f), new GaussianNoise(0.5f), new GaussianDropout(0.2f)];

    [Test]
    public void Evaluation_leaves_the_input_alone([ValueSource(nameof(All))] Layer layer)
    {
        var graph = new Graph(training: false, "noise");
        var x = graph.Declare(DType.Float32, _shape, "x");
        Assert.That(layer.Forward(x), Is.SameAs(x));
    }

    [Test]
    public void A_channel_is_dropped_as_a_whole()
    {
        var first = Run(new Dropout2d(0.25f), 2).Y;
        var kept = 0;
        foreach (var channel in first.Chunk(64))
        {
            Assert.That(channel, Is.All.EqualTo(channel[0]));
            Assert.That(channel[0], Is.EqualTo(0).Or.EqualTo(2 / 0.75).Within(1e-6));
            if (channel[0] != 0) kept++;
        }

        // 128 channels: five standard deviations round 96.
        Assert.That(kept, Is.InRange(72, 120));
    }

    [Test]
    public void Noise_has_its_mean_and_deviation()
    {
        var (added, gradient) = Run(new GaussianNoise(0.5f), 2);
        CheckMoments(added, 2, 0.5);
        Assert.That(gradient, Is.All.EqualTo(1));
        // p / (1 - p) = 1 / 4.
        var (multiplied, factors) = Run(new GaussianDropout(0.2f), 2);
        CheckMoments(multiplied, 2, 1);
        CheckMoments(factors, 1, 0.5);
    }

    [Test]
    public void Each_run_draws_anew([ValueSource(nameof(All))] Layer layer)
    {
        var (first, second) = Twice(layer);
        Assert.That(second, Is.Not.EqualTo(first));
    }

    private static void CheckMoments(double[] numbers, double mean, double deviation)
    {
        var found = numbers.Average();
        Assert.That(found, Is.EqualTo(mean).Within(5 * deviation / Math.Sqrt(numbers.Length)));
        var variance = numbers.Average(n => (n - found) * (n - found));
        Assert.That(variance, Is.EqualTo(deviation * deviation).Within(5 * deviation * deviation * Math.Sqrt(2.0 / numbers.Length)));
    }

    // The output for an input of one number everywhere, and the gradient of the output's sum.
    private (double[] Y, double[] Gradient) Run(Layer layer, float input) => Run(layer, input, runs: 1)[0];

    private (double[] First, double[] Second) Twice(Layer layer)
    {
        var runs = Run(layer, 1f, runs: 2);
        return (runs[0].Y, runs[1].Y);
    }

    private List<(double[] Y, double[] Gradient)> Run(Layer layer, float input, int runs)
    {
        var opened = TestDevices.Get(device);
        using var x = new Tensor(opened, DType.Float32, _shape);
        using var y = new Tensor(opened, DType.Float32, _shape);
        using var gradient = new Tensor(opened, DType.Float32, _shape);
        TensorNumbers.Write(x, Enumerable.Repeat((double)input, (int)_shape.Count).ToArray());
        layer.Materialize(opened, seed: 3);
        var graph = new Graph(training: true, "noise");
        var value = graph.Bind(x, "x");
        var result = layer.Forward(value);
        graph.Store(result, y);
        graph.Store(graph.Gradients(Reduce.Sum(result), [value])[0], gradient);
        using var program = graph.Compile(opened);
        var found = new List<(double[] Y, double[] Gradient)>();
        for (var run = 0; run < runs; run++)
        {
            program.Run();
            found.Add((TensorNumbers.Read(y), TensorNumbers.Read(gradient)));
        }

        layer.ReleaseTensors();
        return found;
    }
}
