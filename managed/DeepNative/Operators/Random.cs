using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Random numbers of Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011):
/// the same on every device, up to rounding. Each run draws new ones.
/// </summary>
/// <remarks>
/// The state is a bound tensor of shape (2), Int64: {seed, offset}. Every operator that draws from it
/// moves the offset by one. Random numbers have no gradient.
/// </remarks>
public static class Random
{
    private const string Title = "Random";

    /// <summary>Uniform numbers in [low, high).</summary>
    /// <param name="state">{seed, offset}: (2), Int64, a bound tensor; its offset is overwritten.</param>
    /// <param name="shape">The shape of the result.</param>
    /// <param name="low">Inclusive lower end.</param>
    /// <param name="high">Exclusive upper end.</param>
    /// <returns>Float32 values.</returns>
    /// <exception cref="ShapeException">The state has another shape or data type.</exception>
    public static Value Uniform(Value state, Shape shape, float low = 0f, float high = 1f) =>
        Draw(Distribution.Uniform, state, shape, low, high);

    /// <summary>Normal numbers, by Box and Muller's method.</summary>
    /// <param name="state">{seed, offset}: (2), Int64, a bound tensor; its offset is overwritten.</param>
    /// <param name="shape">The shape of the result.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="standardDeviation">The standard deviation.</param>
    /// <returns>Float32 values.</returns>
    /// <exception cref="ShapeException">The state has another shape or data type.</exception>
    public static Value Normal(Value state, Shape shape, float mean = 0f, float standardDeviation = 1f) =>
        Draw(Distribution.Normal, state, shape, mean, standardDeviation);

    /// <summary>1 with a probability, else 0.</summary>
    /// <param name="state">{seed, offset}: (2), Int64, a bound tensor; its offset is overwritten.</param>
    /// <param name="shape">The shape of the result.</param>
    /// <param name="probability">Of a 1, from 0 to 1.</param>
    /// <returns>Float32 values.</returns>
    /// <exception cref="ShapeException">The state has another shape or data type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The probability is outside 0 to 1.</exception>
    public static Value Bernoulli(Value state, Shape shape, float probability)
    {
        if (!(probability >= 0f && probability <= 1f))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "a probability is from 0 to 1.");
        return Draw(Distribution.Bernoulli, state, shape, probability, 0f);
    }

    private static Value Draw(Distribution distribution, Value state, Shape shape, float a, float b)
    {
        ArgumentNullException.ThrowIfNull(state);
        var graph = state.Graph;
        graph.CheckDType(Title, "state", state, DType.Int64);
        graph.CheckShape(Title, "state", state, new Shape(2L));
        BoundNode.Require(state, nameof(state));
        return graph.Add(new RandomNode(state, shape, distribution, a, b, graph.NextRandomStream())).Outputs[0];
    }
}

internal sealed class RandomNode : Node
{
    private static readonly int[] _updated = [0];

    public RandomNode(Value state, Shape shape, Distribution distribution, float a, float b, int stream)
        : base(state.Graph, state)
    {
        Distribution = distribution;
        A = a;
        B = b;
        Stream = stream;
        AddOutput(DType.Float32, shape);
    }

    public Distribution Distribution { get; }

    public float A { get; }

    public float B { get; }

    /// <summary>Tells apart the random operators of a program.</summary>
    public int Stream { get; }

    public override string OperatorName => "Random";

    public override object? Attributes => (Distribution, A, B, Stream);

    public override ReadOnlySpan<int> UpdatedInputs => _updated;

    public override Value?[] Derivative(DerivativeContext context) => [null];

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new RandomAttributes { Distribution = Distribution, A = A, B = B, Stream = Stream };
        writer.Add(this, OperatorKind.Random, attributes);
    }
}
