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
    }

    [Test]
    public void Wrong_numbers_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.Uniform(1f, 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Initializer.Normal(0f, -1f));
    }

    private static float[] Fill(Initializer initializer)
    {
        var values = new float[_shape.Count];
        initializer.Fill(values, _shape, new Philox(7, stream: 3));
        return values;
    }
}
