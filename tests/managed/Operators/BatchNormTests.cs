using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class BatchNormCases : IOperatorCases
{
    private static readonly Shape[] _shapes = [[4, 3], [2, 3, 5, 4], [3, 1, 6], [2, 16, 3, 3], [5, 17], [2, 2, 3, 2, 3]];

    public static IEnumerable<OperatorCase> Cases => _shapes.SelectMany(shape => new[] { Training(shape, 0.1f), Inference(shape) })
        .Append(Training([3, 2, 4], momentum: 1f))
        .Append(Without([4, 3, 2], affine: true)).Append(Without([3, 5], affine: false)).Append(Without([2, 1, 3, 2], affine: true))
        .Append(new OperatorCase("training, then relu", b => Activations.Relu(Training([4, 3, 5], 0.1f).Build(b))));

    public static IEnumerable<BadCase> BadCases =>
    [
        new("channels differ", "input has 4 channels, expected 3; input is (2, 4, 5), weight (3)", b => BatchNorm.Inference(b.Input([2, 4, 5]), b.Input([3]), b.Input([3]), b.Input([3]), b.Input([3]))),
        new("one statistic differs", "running variance (2)", b => BatchNorm.Training(b.Input([2, 3]), b.Input([3]), b.Input([3]), b.Input([3]), b.Input([2]))),
        new("a vector", "input has rank 1, expected (N, C, ...)", b => BatchNorm.Inference(b.Input([4]), b.Input([4]), b.Input([4]), b.Input([4]), b.Input([4]))),
        new("one element a channel, nothing kept", "a channel needs two or more elements to have a variance; input is (1, 3)", b => BatchNorm.WithoutRunning(b.Input([1, 3]))),
        new("weight differs, nothing kept", "weight (2)", b => BatchNorm.WithoutRunning(b.Input([4, 3]), b.Input([2]))),
        new("one element a channel", "a channel needs two or more elements to have a variance; input is (1, 3)", b => BatchNorm.Training(b.Input([1, 3]), b.Input([3]), b.Input([3]), b.Input([3]), b.Input([3]))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        // Two equal elements of two would make the variance, and so all that divides by it, uncertain.
        Shape shape = [random.Next(6, 12), random.Next(1, 20), .. Enumerable.Range(0, random.Next(0, 3)).Select(_ => (long)random.Next(1, 6))];
        return random.Next(2) == 0 ? Training(shape, 0.3f) : Inference(shape);
    }

    private static OperatorCase Training(Shape shape, float momentum) => new($"training {shape}, momentum {momentum}", b =>
    {
        Size(b, shape);
        Shape channels = [shape[1]];
        return BatchNorm.Training(
            b.Input(shape, -2, 3), b.Input(channels, 0.5, 2), b.Input(channels), b.Input(channels, differentiable: false), b.Input(channels, 0.5, 1, differentiable: false), momentum: momentum);
    });

    private static OperatorCase Without(Shape shape, bool affine) => new($"nothing kept, {shape}{(affine ? ", affine" : "")}", b =>
    {
        Size(b, shape);
        Shape channels = [shape[1]];
        var x = b.Input(shape, -2, 3);
        return affine ? BatchNorm.WithoutRunning(x, b.Input(channels, 0.5, 2), b.Input(channels)) : BatchNorm.WithoutRunning(x);
    });

    private static OperatorCase Inference(Shape shape) => new($"inference {shape}", b =>
    {
        Size(b, shape);
        Shape channels = [shape[1]];
        return BatchNorm.Inference(b.Input(shape, -2, 3), b.Input(channels, 0.5, 2), b.Input(channels), b.Input(channels), b.Input(channels, 0.5, 1));
    });

    private static void Size(CaseBuilder b, Shape shape)
    {
        b.ReductionLength = shape.Count / shape[1];
        b.Magnitude = 4;
    }
}

internal sealed class BatchNormTests : OperatorTests<BatchNormCases>
{
    [Test]
    public void Statistics_that_are_no_tensors_are_refused()
    {
        var builder = new CaseBuilder(device: null);
        var mean = builder.Input([3]) * 2f;
        var three = builder.Input([3]);
        Assert.That(() => BatchNorm.Training(builder.Input([2, 3]), three, three, mean, three), Throws.ArgumentException.With.Message.Contains("would be overwritten"));
    }
}
