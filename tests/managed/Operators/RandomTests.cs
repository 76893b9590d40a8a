using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class RandomCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases =>
    [
        .. new Shape[] { [1], [3], [4, 5], [7, 3, 3], [1001] }.SelectMany(shape => new[]
        {
            Draw("uniform", shape, state => Uniform(state, shape)),
            Draw("normal", shape, state => DeepNative.Operators.Random.Normal(state, shape, 0.5f, 2f)),
            Draw("bernoulli", shape, state => DeepNative.Operators.Random.Bernoulli(state, shape, 0.7f), exact: true),
        }),
        new("two draws of one state differ", b =>
        {
            b.ReductionLength = 1;
            var state = State(b);
            return Uniform(state, [9]) - Uniform(state, [9]);
        }),
        new("dropout", b =>
        {
            b.MayBeZero = true;
            var x = b.Input([5, 8]);
            return x * DeepNative.Operators.Random.Bernoulli(State(b), [5, 8], 0.6f) * (1f / 0.6f);
        }),
        new("dropout and relu", b =>
        {
            b.MayBeZero = true;
            var x = b.Input([5, 8]);
            return Activations.Relu(x) * DeepNative.Operators.Random.Bernoulli(State(b), [5, 8], 0.6f) * (1f / 0.6f);
        }),
    ];

    public static IEnumerable<BadCase> BadCases =>
    [
        new("state of another shape", "state is (3), expected (2)", b => Uniform(b.Indices(DType.Int64, [3], 5), [4])),
        new("state of another type", "state is Int32, expected Int64", b => Uniform(b.Indices(DType.Int32, [2], 5), [4])),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [random.Next(1, 300)];
        return random.Next(3) switch
        {
            0 => Draw("uniform", shape, state => Uniform(state, shape)),
            1 => Draw("normal", shape, state => DeepNative.Operators.Random.Normal(state, shape, -1f, 0.5f)),
            _ => Draw("bernoulli", shape, state => DeepNative.Operators.Random.Bernoulli(state, shape, 0.25f), exact: true),
        };
    }

    internal static Value Uniform(Value state, Shape shape) => DeepNative.Operators.Random.Uniform(state, shape, -2f, 3f);

    private static Value State(CaseBuilder b) => b.Given(DType.Int64, [2], [0x123456789AB, 41]);

    private static OperatorCase Draw(string name, Shape shape, Func<Value, Value> draw, bool exact = false) => new($"{name} {shape}", b =>
    {
        b.ReductionLength = exact ? 0 : 16;
        b.Magnitude = 2;
        b.HasDerivative = false;
        b.MayBeZero = true;
        return draw(State(b));
    });
}

internal sealed class RandomTests : OperatorTests<RandomCases>
{
    [Test]
    public void A_probability_outside_0_to_1_is_refused([Values(-0.1f, 1.1f, float.NaN)] float probability)
    {
        var builder = new CaseBuilder(device: null);
        var state = builder.Given(DType.Int64, [2], [1, 0]);
        Assert.That(() => DeepNative.Operators.Random.Bernoulli(state, [3], probability), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_state_that_is_no_tensor_is_refused()
    {
        var builder = new CaseBuilder(device: null);
        var state = Pointwise.Cast(builder.Input([2]), DType.Int64);
        Assert.That(() => RandomCases.Uniform(state, [3]), Throws.ArgumentException.With.Message.Contains("would be overwritten"));
    }
}
