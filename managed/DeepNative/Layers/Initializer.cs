namespace DeepNative.Layers;

/// <summary>
/// How a parameter gets its first values. The numbers come from Philox with the model's seed as key and
/// the parameter's place in the model as stream, so they depend on nothing else: not on the device, not
/// on the order in which parameters are materialised.
/// </summary>
/// <remarks>
/// fan_in is the number of inputs that one output element sums over, fan_out the number of outputs that
/// one input element feeds: (K, C) for a weight of shape (K, C), times R * S for (K, C, R, S).
/// Immutable and thread-safe.
/// </remarks>
public abstract class Initializer
{
    /// <summary>All values 0.</summary>
    public static Initializer Zeros { get; } = new ConstantInitializer(0f);

    /// <summary>All values 1.</summary>
    public static Initializer Ones { get; } = new ConstantInitializer(1f);

    /// <summary>
    /// Uniform in [-1/sqrt(fan_in), 1/sqrt(fan_in)): the default of <see cref="Linear"/> and
    /// <see cref="Conv2d"/>. It is PyTorch's default (kaiming_uniform with a = sqrt(5)), chosen so that
    /// training curves compare with that library's.
    /// </summary>
    public static Initializer FanInUniform { get; } = new VarianceInitializer(1.0 / 3.0, Fan.In, normal: false);

    /// <summary>
    /// Normal with variance 2 / fan_in, for layers followed by a ReLU (He, Zhang, Ren, Sun: "Delving
    /// deep into rectifiers", 2015).
    /// </summary>
    public static Initializer HeNormal { get; } = new VarianceInitializer(2.0, Fan.In, normal: true);

    /// <summary>Uniform with the variance of <see cref="HeNormal"/>: bound sqrt(6 / fan_in).</summary>
    public static Initializer HeUniform { get; } = new VarianceInitializer(2.0, Fan.In, normal: false);

    /// <summary>
    /// Normal with variance 2 / (fan_in + fan_out) (Glorot, Bengio: "Understanding the difficulty of
    /// training deep feedforward neural networks", 2010).
    /// </summary>
    public static Initializer GlorotNormal { get; } = new VarianceInitializer(1.0, Fan.Average, normal: true);

    /// <summary>
    /// Uniform with the variance of <see cref="GlorotNormal"/>: bound sqrt(6 / (fan_in + fan_out)).
    /// </summary>
    public static Initializer GlorotUniform { get; } = new VarianceInitializer(1.0, Fan.Average, normal: false);

    /// <summary>All values the same.</summary>
    /// <param name="value">The value.</param>
    /// <returns>The initialiser.</returns>
    public static Initializer Constant(float value) => new ConstantInitializer(value);

    /// <summary>Uniform in [low, high).</summary>
    /// <param name="low">Inclusive lower end.</param>
    /// <param name="high">Upper end, at least <paramref name="low"/>.</param>
    /// <returns>The initialiser.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The ends are in the wrong order.</exception>
    public static Initializer Uniform(float low, float high) => new UniformInitializer(low, high);

    /// <summary>Normal.</summary>
    /// <param name="mean">The mean.</param>
    /// <param name="standardDeviation">The standard deviation, at least 0.</param>
    /// <returns>The initialiser.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The standard deviation is negative.</exception>
    public static Initializer Normal(float mean, float standardDeviation) => new NormalInitializer(mean, standardDeviation);

    /// <summary>Fills the values of one parameter.</summary>
    /// <param name="values">Receives the values, row-major.</param>
    /// <param name="shape">The parameter's shape, of which the fans are counted.</param>
    /// <param name="random">The parameter's own random sequence, at its start.</param>
    public abstract void Fill(Span<float> values, Shape shape, Philox random);

    /// <summary>
    /// Uniform in [-1/sqrt(fan_in), 1/sqrt(fan_in)) with a given fan_in: for a bias, whose own shape
    /// does not tell.
    /// </summary>
    internal static Initializer UniformForFanIn(long fanIn)
    {
        var bound = (float)(1.0 / Math.Sqrt(Math.Max(fanIn, 1)));
        return new UniformInitializer(-bound, bound);
    }

    private enum Fan
    {
        In,
        Average,
    }

    private sealed class ConstantInitializer(float value) : Initializer
    {
        public override void Fill(Span<float> values, Shape shape, Philox random) => values.Fill(value);
    }

    private sealed class UniformInitializer : Initializer
    {
        private readonly float _low;
        private readonly float _high;

        public UniformInitializer(float low, float high)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(high, low);
            _low = low;
            _high = high;
        }

        public override void Fill(Span<float> values, Shape shape, Philox random) =>
            random.FillUniform(values, _low, _high);
    }

    private sealed class NormalInitializer : Initializer
    {
        private readonly float _mean;
        private readonly float _standardDeviation;

        public NormalInitializer(float mean, float standardDeviation)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(standardDeviation);
            _mean = mean;
            _standardDeviation = standardDeviation;
        }

        public override void Fill(Span<float> values, Shape shape, Philox random) =>
            random.FillNormal(values, _mean, _standardDeviation);
    }

    // Variance = gain / fan.
    private sealed class VarianceInitializer(double gain, Fan fan, bool normal) : Initializer
    {
        public override void Fill(Span<float> values, Shape shape, Philox random)
        {
            var (fanIn, fanOut) = Fans(shape);
            var size = fan == Fan.In ? fanIn : (fanIn + fanOut) / 2.0;
            var deviation = Math.Sqrt(gain / Math.Max(size, 1.0));
            if (normal)
            {
                random.FillNormal(values, 0f, (float)deviation);
                return;
            }

            var bound = (float)(Math.Sqrt(3.0) * deviation);
            random.FillUniform(values, -bound, bound);
        }

        private static (double In, double Out) Fans(Shape shape)
        {
            if (shape.Rank < 2)
                throw new ArgumentException($"a parameter of shape {shape} has no fan_in; it needs rank 2 or more.", nameof(shape));
            var window = 1.0;
            for (var axis = 2; axis < shape.Rank; axis++) window *= shape[axis];
            return (shape[1] * window, shape[0] * window);
        }
    }
}
