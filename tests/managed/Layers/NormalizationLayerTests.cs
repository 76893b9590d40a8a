using DeepNative.Layers;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Layers;

/// <summary>Parameters, shapes and refusals of the normalisation layers; values are in NormalizationGoldenTests.</summary>
internal sealed class NormalizationLayerTests
{
    private static IEnumerable<TestCaseData> Parameters()
    {
        yield return Case(new LayerNorm([3, 5]), "weight (3, 5)", "bias (3, 5)");
        yield return Case(new LayerNorm(7, bias: false), "weight (7)");
        yield return Case(new LayerNorm(7, elementwiseAffine: false));
        yield return Case(new GroupNorm(2, 6), "weight (6)", "bias (6)");
        yield return Case(new GroupNorm(2, 6, affine: false));
        yield return Case(new InstanceNorm1d(4));
        yield return Case(new InstanceNorm1d(4, affine: true), "weight (4)", "bias (4)");
        yield return Case(new InstanceNorm2d(4));
        yield return Case(new InstanceNorm2d(4, affine: true), "weight (4)", "bias (4)");
        yield return Case(new LocalResponseNorm(5));
        yield return Case(new LocalContrastNorm(3, size: 5), "window (1, 3, 5, 5)");
        yield return Case(new BatchNorm(3, affine: false), "running_mean (3)", "running_var (3)");
        yield return Case(new BatchNorm(3, trackRunningStatistics: false), "weight (3)", "bias (3)");
        yield return Case(new BatchNorm(3, affine: false, trackRunningStatistics: false));

        static TestCaseData Case(Layer layer, params string[] expected) => new TestCaseData(layer, expected).SetArgDisplayNames($"{layer.Kind} {string.Join(", ", expected)}");
    }

    [TestCaseSource(nameof(Parameters))]
    public void Parameters_are_those_that_were_asked_for(Layer layer, string[] expected) =>
        Assert.That(layer.Parameters().Select(p => $"{p.Name} {p.Shape}"), Is.EqualTo(expected));

    private static IEnumerable<TestCaseData> BadShapes()
    {
        yield return Case(new LayerNorm([3, 5]), [2, 3, 4], "a shape that ends with (3, 5)");
        yield return Case(new LayerNorm(5), [], "a shape that ends with (5)");
        yield return Case(new GroupNorm(2, 6), [2, 4, 3], "(N, 6, ...)");
        yield return Case(new GroupNorm(2, 6), [6], "(N, 6, ...)");
        yield return Case(new InstanceNorm1d(3), [2, 3, 4, 4], "(N, 3, L)");
        yield return Case(new InstanceNorm1d(3), [2, 3, 1], "(N, 3, L) with two or more positions");
        yield return Case(new InstanceNorm2d(3), [2, 4, 4, 4], "(N, 3, H, W)");
        yield return Case(new LocalResponseNorm(5), [4], "(N, C, ...)");
        yield return Case(new LocalContrastNorm(3), [2, 4, 8, 8], "(N, 3, H, W)");
        yield return Case(new LocalContrastNorm(3), [2, 3, 8], "(N, 3, H, W)");
        yield return Case(new InstanceNorm2d(3), [2, 3, 1, 1], "(N, 3, H, W) with two or more positions");

        static TestCaseData Case(Layer layer, Shape input, string expected) => new TestCaseData(layer, input, expected).SetArgDisplayNames($"{layer.Kind} {input}");
    }

    [TestCaseSource(nameof(BadShapes))]
    public void A_wrong_shape_names_layer_found_and_expected(Layer layer, Shape input, string expected)
    {
        var model = new Sequential(new Identity(), layer);
        var graph = new Graph(training: true, "shapes");
        var error = Assert.Throws<ShapeException>(() => model.Forward(graph.Declare(DType.Float32, input, "input")))!;
        Assert.That(error.Message, Is.EqualTo($"layer '1' ({layer.Kind}): input is {input}, expected {expected}"));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Local_contrast_is_the_formula_in_float64(string name)
    {
        var device = TestDevices.Get(name);
        const int Channels = 3, Height = 7, Width = 6, Size = 5;
        var layer = new LocalContrastNorm(Channels, Size, standardDeviation: 1.5f);
        Shape shape = [2, Channels, Height, Width];
        var random = new System.Random(3);
        var x = Enumerable.Range(0, (int)shape.Count).Select(i => (double)(float)(random.NextDouble() * 4 + i % 5)).ToArray();
        using var input = new Tensor(device, DType.Float32, shape);
        using var output = new Tensor(device, DType.Float32, shape);
        TensorNumbers.Write(input, x);
        layer.Materialize(device, seed: 1);
        var graph = new Graph(training: false);
        graph.Store(layer.Forward(graph.Bind(input, "x")), output);
        using (var program = graph.Compile(device)) program.Run();
        var expected = new double[x.Length];
        for (var n = 0; n < 2; n++)
        {
            var sample = x.AsSpan(n * Channels * Height * Width, Channels * Height * Width).ToArray();
            var mean = Blur(sample);
            var centred = sample.Select((v, i) => v - mean[i % (Height * Width)]).ToArray();
            var deviation = Blur([.. centred.Select(v => v * v)]).Select(Math.Sqrt).ToArray();
            var least = Math.Max(1e-4, deviation.Average());
            for (var i = 0; i < sample.Length; i++)
                expected[n * sample.Length + i] = centred[i] / Math.Max(least, deviation[i % (Height * Width)]);
        }

        Tolerance.Check("local contrast", TensorNumbers.Read(output), expected, DType.Float32, 4 * Channels * Size * Size, 4);
        layer.ReleaseTensors();

        // Means weighted by the Gaussian, over what is inside the image.
        static double[] Blur(double[] values)
        {
            var result = new double[Height * Width];
            for (var i = 0; i < result.Length; i++)
            {
                var (sum, total) = (0.0, 0.0);
                for (var dy = -Size / 2; dy <= Size / 2; dy++)
                {
                    for (var dx = -Size / 2; dx <= Size / 2; dx++)
                    {
                        var (row, column) = (i / Width + dy, i % Width + dx);
                        if (row < 0 || row >= Height || column < 0 || column >= Width) continue;
                        var weight = Math.Exp(-0.5 * (dy * dy + dx * dx) / (1.5 * 1.5));
                        for (var c = 0; c < Channels; c++)
                        {
                            sum += weight * values[(c * Height + row) * Width + column];
                            total += weight;
                        }
                    }
                }

                result[i] = sum / total;
            }

            return result;
        }
    }

    [Test]
    public void Wrong_arguments_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LayerNorm(new Shape()));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LayerNorm(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LayerNorm(4, epsilon: 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GroupNorm(0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GroupNorm(3, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new GroupNorm(2, 4, epsilon: -1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new InstanceNorm1d(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new InstanceNorm2d(1, epsilon: 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LocalResponseNorm(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LocalResponseNorm(3, k: 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LocalContrastNorm(3, size: 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LocalContrastNorm(3, standardDeviation: 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new LocalContrastNorm(3, epsilon: 0f));
        Assert.Throws<InvalidOperationException>(() => new BatchNorm(2, trackRunningStatistics: false).Frozen = true);
    }
}
