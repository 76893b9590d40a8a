namespace DeepNative.Layers;

/// <summary>
/// How a parameter gets its first values. The numbers come from Philox with the model's seed as key and
/// the parameter's place in the model as stream, so they depend on nothing else: not on the device, not
/// on the order in which parameters are materialised.
/// </summary>
/// <remarks>
/// fan_in is the number of inputs that one output element sums over, fan_out the number of outputs that
/// one input element feeds. From the shape they are (C, K) for a weight (K, C), times R * S for (K, C, R, S); layers
/// for which that is not so (groups, transposed convolutions) say theirs by <see cref="WithFans"/>.
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
    public static Initializer FanInUniform { get; } = new VarianceInitializer(1.0 / 3.0, FanMode.In, InitializerDistribution.Uniform);

    /// <summary>
    /// Normal with variance 2 / fan_in, for layers followed by a ReLU (He, Zhang, Ren, Sun: "Delving
    /// deep into rectifiers", 2015).
    /// </summary>
    public static Initializer HeNormal { get; } = new VarianceInitializer(2.0, FanMode.In, InitializerDistribution.Normal);

    /// <summary>Uniform with the variance of <see cref="HeNormal"/>: bound sqrt(6 / fan_in).</summary>
    public static Initializer HeUniform { get; } = new VarianceInitializer(2.0, FanMode.In, InitializerDistribution.Uniform);

    /// <summary>
    /// Normal with variance 2 / (fan_in + fan_out) (Glorot, Bengio: "Understanding the difficulty of
    /// training deep feedforward neural networks", 2010).
    /// </summary>
    public static Initializer GlorotNormal { get; } = new VarianceInitializer(1.0, FanMode.Average, InitializerDistribution.Normal);

    /// <summary>
    /// Uniform with the variance of <see cref="GlorotNormal"/>: bound sqrt(6 / (fan_in + fan_out)).
    /// </summary>
    public static Initializer GlorotUniform { get; } = new VarianceInitializer(1.0, FanMode.Average, InitializerDistribution.Uniform);

    /// <summary>
    /// Normal with variance 1 / fan_in (LeCun, Bottou, Orr, Müller: "Efficient backprop", 1998), for tanh and SELU.
    /// </summary>
    public static Initializer LeCunNormal { get; } = new VarianceInitializer(1.0, FanMode.In, InitializerDistribution.Normal);

    /// <summary>Uniform with the variance of <see cref="LeCunNormal"/>: bound sqrt(3 / fan_in).</summary>
    public static Initializer LeCunUniform { get; } = new VarianceInitializer(1.0, FanMode.In, InitializerDistribution.Uniform);

    /// <summary>Values of variance gain^2 / fan: what Glorot, He and LeCun have in common.</summary>
    /// <param name="gain">Above 0; for an activation one of <see cref="Gain"/>.</param>
    /// <param name="fan">Which connections count.</param>
    /// <param name="distribution">How the values are spread.</param>
    /// <returns>The initialiser.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The gain is not above 0, or an enum has no such member.</exception>
    public static Initializer VarianceScaling(
        double gain = 1.0, FanMode fan = FanMode.In, InitializerDistribution distribution = InitializerDistribution.Normal)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gain);
        if (!Enum.IsDefined(fan)) throw new ArgumentOutOfRangeException(nameof(fan), fan, "is none of the modes");
        if (!Enum.IsDefined(distribution)) throw new ArgumentOutOfRangeException(nameof(distribution), distribution, "is none of the distributions");
        return new VarianceInitializer(gain * gain, fan, distribution);
    }

    /// <summary>Normal, but only what lies in [low, high].</summary>
    /// <param name="mean">The mean before the cut.</param>
    /// <param name="standardDeviation">The standard deviation before the cut, above 0.</param>
    /// <param name="low">The least value.</param>
    /// <param name="high">The largest, above <paramref name="low"/>.</param>
    /// <returns>The initialiser.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The deviation is not above 0, or the ends are in the wrong order or not finite.</exception>
    public static Initializer TruncatedNormal(float mean = 0f, float standardDeviation = 1f, float low = -2f, float high = 2f) =>
        new TruncatedNormalInitializer(mean, standardDeviation, low, high);

    /// <summary>
    /// A random orthogonal matrix times <paramref name="gain"/>: of (K, C * R * S), the rows are orthonormal, or the
    /// columns where there are fewer of them (Saxe, McClelland, Ganguli: "Exact solutions to the nonlinear dynamics of
    /// learning in deep linear neural networks", 2014). Uniform over all such matrices.
    /// </summary>
    /// <param name="gain">Above 0.</param>
    /// <returns>The initialiser; it takes parameters of rank 2 and more.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The gain is not above 0.</exception>
    public static Initializer Orthogonal(double gain = 1.0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gain);
        return new OrthogonalInitializer(gain);
    }

    /// <summary>
    /// The weights of a layer that passes its input on: 1 where output k meets input k, in the middle of a window, and
    /// else 0. Outputs without an input of their number are 0.
    /// </summary>
    /// <param name="groups">Of the convolution; each group passes its own channels on.</param>
    /// <returns>The initialiser; it takes parameters of rank 2 and more.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one group.</exception>
    public static Initializer Identity(int groups = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        return new IdentityInitializer(groups);
    }

    /// <summary>
    /// The weights of a transposed convolution that enlarges pictures bilinearly, by a stride of half the window
    /// (Long, Shelhamer, Darrell: "Fully convolutional networks for semantic segmentation", 2015).
    /// </summary>
    /// <param name="groups">Of the convolution; with one, channel k makes channel k alone.</param>
    /// <returns>The initialiser; it takes parameters of rank 4.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one group.</exception>
    public static Initializer Bilinear(int groups = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        return new BilinearInitializer(groups);
    }

    /// <summary>All values the same.</summary>
    /// <param name="value">The value.</param>
    /// <returns>The initialiser.</returns>
    public static Initializer Constant(float value) => new ConstantInitializer(value);

    /// <summary>Given numbers: weights from a paper, codes that stay as they are.</summary>
    /// <param name="numbers">As many as the parameter has elements, row-major; copied.</param>
    /// <returns>The initialiser.</returns>
    public static Initializer Of(params ReadOnlySpan<float> numbers) => new NumbersInitializer(numbers.ToArray());

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

    /// <summary>The same with fans that the shape does not tell; for layers.</summary>
    /// <param name="fanIn">Inputs that one output element sums over.</param>
    /// <param name="fanOut">Outputs that one input element feeds.</param>
    /// <returns>An initialiser that uses them, or this one where fans do not matter.</returns>
    public virtual Initializer WithFans(double fanIn, double fanOut) => this;

    private sealed class ConstantInitializer(float value) : Initializer
    {
        public override void Fill(Span<float> values, Shape shape, Philox random) => values.Fill(value);
    }

    private sealed class NumbersInitializer(float[] numbers) : Initializer
    {
        public override void Fill(Span<float> values, Shape shape, Philox random)
        {
            if (numbers.Length != values.Length)
                throw new ArgumentException($"there are {numbers.Length} numbers for a parameter of shape {shape}.", nameof(values));
            numbers.CopyTo(values);
        }
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

    // The variance is scale / fan.
    private sealed class VarianceInitializer(
        double scale, FanMode mode, InitializerDistribution distribution, (double In, double Out)? fans = null) : Initializer
    {
        // The deviation of a normal distribution of deviation 1 that is cut at -2 and 2.
        private const double CutDeviation = 0.87962566103423978;

        public override Initializer WithFans(double fanIn, double fanOut) =>
            new VarianceInitializer(scale, mode, distribution, (fanIn, fanOut));

        public override void Fill(Span<float> values, Shape shape, Philox random)
        {
            var (fanIn, fanOut) = fans ?? FansOf(shape);
            var fan = mode switch
            {
                FanMode.In => fanIn,
                FanMode.Out => fanOut,
                _ => (fanIn + fanOut) / 2.0,
            };
            var deviation = Math.Sqrt(scale / Math.Max(fan, 1.0));
            switch (distribution)
            {
                case InitializerDistribution.Normal:
                    random.FillNormal(values, 0f, (float)deviation);
                    break;
                case InitializerDistribution.TruncatedNormal:
                    var uncut = (float)(deviation / CutDeviation);
                    TruncatedNormal(0f, uncut, -2f * uncut, 2f * uncut).Fill(values, shape, random);
                    break;
                default:
                    var bound = (float)(Math.Sqrt(3.0) * deviation);
                    random.FillUniform(values, -bound, bound);
                    break;
            }
        }

        private static (double In, double Out) FansOf(Shape shape)
        {
            if (shape.Rank < 2)
                throw new ArgumentException($"a parameter of shape {shape} has no fan_in; it needs rank 2 or more.", nameof(shape));
            var window = 1.0;
            for (var axis = 2; axis < shape.Rank; axis++) window *= shape[axis];
            return (shape[1] * window, shape[0] * window);
        }
    }
}
