using DeepNative.Layers;

namespace DeepNative.Tests.Layers;

internal sealed class InitializerTests
{
    // A convolution of 32 to 64 channels, window 5x5: fan_in 800, fan_out 1600.
    private static readonly Shape _shape = new(64, 32, 5, 5);

    private static IEnumerable<TestCaseData> Moments()
    {
        yield return new TestCaseData(Initializer.FanInUniform, Math.Sqrt(1.0 / 3 / 800), 1 / Math.Sqrt(800)).SetArgDisplayNames("FanInUniform");
        yield return new TestCaseData(Initializer.HeUniform, Math.Sqrt(2.0 / 800), Math.Sqrt(6.0 / 800)).SetArgDisplayNames("HeUniform");
        yield return new TestCaseData(Initializer.HeNormal, Math.Sqrt(2.0 / 800), 6 * Math.Sqrt(2.0 / 800)).SetArgDisplayNames("HeNormal");
        yield return new TestCaseData(Initializer.GlorotUniform, Math.Sqrt(2.0 / 2400), Math.Sqrt(6.0 / 2400)).SetArgDisplayNames("GlorotUniform");
        yield return new TestCaseData(Initializer.GlorotNormal, Math.Sqrt(2.0 / 2400), 6 * Math.Sqrt(2.0 / 2400)).SetArgDisplayNames("GlorotNormal");
        yield return new TestCaseData(Initializer.LeCunNormal, Math.Sqrt(1.0 / 800), 6 * Math.Sqrt(1.0 / 800)).SetArgDisplayNames("LeCunNormal");
        yield return new TestCaseData(Initializer.LeCunUniform, Math.Sqrt(1.0 / 800), Math.Sqrt(3.0 / 800)).SetArgDisplayNames("LeCunUniform");
        yield return new TestCaseData(
            Initializer.VarianceScaling(Gain.Tanh, FanMode.Out, InitializerDistribution.Uniform), 5.0 / 3 / 40, 5.0 / 3 * Math.Sqrt(3) / 40).SetArgDisplayNames("scaled by fan_out");
        yield return new TestCaseData(
            Initializer.VarianceScaling(Gain.Relu, FanMode.In, InitializerDistribution.TruncatedNormal), Math.Sqrt(2.0 / 800),
            2 * Math.Sqrt(2.0 / 800) / 0.8796).SetArgDisplayNames("scaled, truncated");
        yield return new TestCaseData(Initializer.VarianceScaling(1, FanMode.In).WithFans(100, 1), 0.1, 0.6).SetArgDisplayNames("other fans");
        yield return new TestCaseData(Initializer.TruncatedNormal(0f, 1f, -1f, 1f), 0.539560, 1.0).SetArgDisplayNames("TruncatedNormal");
        yield return new TestCaseData(Initializer.Uniform(-2f, 2f), 2 / Math.Sqrt(3), 2.0).SetArgDisplayNames("Uniform");
        yield return new TestCaseData(Initializer.Normal(0f, 0.01f), 0.01, 0.06).SetArgDisplayNames("Normal");
    }

    [TestCaseSource(nameof(Moments))]
    public void Values_have_the_deviation_of_the_formula(Initializer initializer, double deviation, double bound)
    {
        var values = Fill(initializer);
        var measured = Math.Sqrt(values.Average(value => (double)value * value));
        // 51,200 samples: the deviation is known to 1 / sqrt(2 n) = 0.3 %.
        Assert.That(measured, Is.EqualTo(deviation).Within(1.5).Percent);
        Assert.That(values.Average(value => (double)value), Is.EqualTo(0).Within(5 * deviation / Math.Sqrt(values.Length)));
        Assert.That(values.Max(Math.Abs), Is.LessThanOrEqualTo(bound * 1.0001));
    }

    // Mean and deviation from the density, by sums over a fine grid.
    [TestCase(0f, 1f, -2f, 2f)]
    [TestCase(0.5f, 2f, 0f, 1f)]
    [TestCase(0f, 1f, 2f, 100f)]
    [TestCase(0f, 1f, 8f, 9f)]
    [TestCase(-3f, 0.5f, -10f, -2.5f)]
    public void A_truncated_normal_has_the_moments_of_its_density(float mean, float deviation, float low, float high)
    {
        var values = Fill(Initializer.TruncatedNormal(mean, deviation, low, high));
        Assert.That(values, Is.All.InRange(low, high));
        var (mass, first, second) = (0.0, 0.0, 0.0);
        const int Cells = 400_000;
        for (var i = 0; i < Cells; i++)
        {
            var x = low + (high - low) * (i + 0.5) / Cells;
            var density = Math.Exp(-0.5 * Math.Pow((x - mean) / deviation, 2));
            (mass, first, second) = (mass + density, first + density * x, second + density * x * x);
        }

        first /= mass;
        var expected = Math.Sqrt(second / mass - first * first);
        var measured = values.Average(value => (double)value);
        Assert.That(measured, Is.EqualTo(first).Within(5 * expected / Math.Sqrt(values.Length)));
        Assert.That(Math.Sqrt(values.Average(value => Math.Pow(value - measured, 2))), Is.EqualTo(expected).Within(2).Percent);
    }

    [TestCase(5, 5)]
    [TestCase(1, 1)]
    [TestCase(3, 20)]
    [TestCase(20, 3)]
    [TestCase(64, 800)]
    public void An_orthogonal_matrix_has_orthonormal_rows_or_columns(int rows, int columns)
    {
        var values = new float[rows * columns];
        Initializer.Orthogonal(2.0).Fill(values, new Shape(rows, columns), new Philox(5));
        var (count, length) = (Math.Min(rows, columns), Math.Max(rows, columns));
        float At(int vector, int i) => rows <= columns ? values[vector * columns + i] : values[i * columns + vector];
        for (var a = 0; a < count; a++)
            for (var b = 0; b <= a; b++)
            {
                var product = 0.0;
                for (var i = 0; i < length; i++) product += (double)At(a, i) * At(b, i);
                Assert.That(product, Is.EqualTo(a == b ? 4.0 : 0.0).Within(2e-6), $"{a}, {b}");
            }
    }

    [Test]
    public void Orthogonal_matrices_are_uniform()
    {
        // Each entry of a uniform matrix has mean 0 and variance 1/n; without the signs the diagonal had a mean below 0.
        const int Count = 4000;
        var sums = new double[9];
        var squares = new double[9];
        var values = new float[9];
        for (var k = 0; k < Count; k++)
        {
            Initializer.Orthogonal().Fill(values, new Shape(3, 3), new Philox(9, stream: (uint)k));
            for (var i = 0; i < 9; i++) (sums[i], squares[i]) = (sums[i] + values[i], squares[i] + (double)values[i] * values[i]);
        }

        for (var i = 0; i < 9; i++)
        {
            Assert.That(sums[i] / Count, Is.EqualTo(0).Within(5 * Math.Sqrt(1.0 / 3 / Count)), $"entry {i}");
            Assert.That(squares[i] / Count, Is.EqualTo(1.0 / 3).Within(0.03), $"entry {i}");
        }
    }

    [Test]
    public void The_identity_passes_channels_on()
    {
        var matrix = new float[12];
        Initializer.Identity().Fill(matrix, new Shape(3, 4), new Philox(1));
        Assert.That(matrix, Is.EqualTo(new float[] { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0 }));
        var window = new float[4 * 2 * 3 * 2];
        Initializer.Identity(groups: 2).Fill(window, new Shape(4, 2, 3, 2), new Philox(1));
        var ones = Enumerable.Range(0, window.Length).Where(i => window[i] == 1f);
        // Row 1 of 3, column 1 of 2; channel k of each group.
        Assert.That(ones, Is.EqualTo(new[] { 3, 12 + 6 + 3, 24 + 3, 36 + 6 + 3 }));
        Assert.That(window.Sum(), Is.EqualTo(4f));
        Assert.Throws<ArgumentException>(() => Initializer.Identity(2).Fill(new float[6], new Shape(3, 2), new Philox(1)));
    }

    [Test]
    public void A_grouped_convolution_counts_one_groups_connections()
    {
        using var device = Device.Open("cpu", threads: 1);
        var model = new Conv2d(
            400, 800, kernel: 3, groups: 100, weightInitializer: Initializer.VarianceScaling(1, FanMode.Out, InitializerDistribution.Uniform));
        model.Materialize(device, 1);
        var values = model.Parameters()[0].Tensor!.ToArray<float>();
        Assert.That(values.Max(Math.Abs), Is.EqualTo(Math.Sqrt(3.0 / (8 * 9))).Within(1).Percent);
        model.ReleaseTensors();
    }

    [Test]
    public void Gains_are_those_of_the_papers()
    {
        Assert.That(Gain.Relu * Gain.Relu, Is.EqualTo(2.0).Within(1e-12));
        Assert.That(Gain.LeakyRelu(0), Is.EqualTo(Gain.Relu).Within(1e-15));
        Assert.That(Gain.LeakyRelu(1), Is.EqualTo(1.0).Within(1e-15));
    }

    [Test]
    public void The_same_sequence_gives_the_same_values()
    {
        foreach (var initializer in (Initializer[])[Initializer.TruncatedNormal(), Initializer.Orthogonal(), Initializer.LeCunNormal])
        {
            var first = Fill(initializer);
            Assert.That(Fill(initializer), Is.EqualTo(first));
        }
    }

    [Test]
    public void Constants_fill_everything()
    {
        Assert.That(Fill(Initializer.Ones), Is.All.EqualTo(1f));
        Assert.That(Fill(Initializer.Zeros), Is.All.EqualTo(0f));
        Assert.That(Fill(Initializer.Constant(0.25f)), Is.All.EqualTo(0.25f));
    }

    [Test]
    public void A_vector_has_no_fan()
    {
        var error = Assert.Throws<ArgumentException>(() => Initializer.HeNormal.Fill(new float[3], new Shape(3), new Philox(1)))!;
        Assert.That(error.Message, Does.Contain("(3)").And.Contain("rank 2"));
        Assert.Throws<ArgumentException>(() => Initializer.Orthogonal().Fill(new float[3], new Shape(3), new Philox(1)));
        Assert.Throws<ArgumentException>(() => Initializer.Identity().Fill(new float[3], new Shape(3), new Philox(1)));
    }

    [Test]
    public void Wrong_numbers_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.Uniform(1f, 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.TruncatedNormal(low: 1f, high: 1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.TruncatedNormal(standardDeviation: 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.VarianceScaling(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.VarianceScaling(1, (FanMode)7));
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.Orthogonal(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.Identity(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.Normal(0f, -1f));
    }

    private static float[] Fill(Initializer initializer)
    {
        var values = new float[_shape.Count];
        initializer.Fill(values, _shape, new Philox(7, stream: 3));
        return values;
    }
}
