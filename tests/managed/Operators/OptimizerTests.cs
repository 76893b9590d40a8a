using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class OptimizerCases : IOperatorCases
{
    private static readonly Shape[][] _shapes = [[[5]], [[3, 4], [4], [2, 3, 3, 3]], [[1], [17], [33, 3]], [[]]];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var shapes in _shapes)
            {
                yield return Sgd(shapes, 0f, 0f, nesterov: false);
                yield return Sgd(shapes, 0.9f, 0.01f, nesterov: false);
                yield return Sgd(shapes, 0.9f, 0f, nesterov: true);
                yield return Sgd(shapes, 0f, 0.1f, nesterov: false);
                yield return Sgd(shapes, 0.9f, 0.01f, nesterov: true, DType.BFloat16);
                yield return Adam(shapes, 0f, decoupled: false, step: 0);
                yield return Adam(shapes, 0.1f, decoupled: false, step: 2, DType.Float16);
                yield return Adam(shapes, 0.1f, decoupled: false, step: 9);
                yield return Adam(shapes, 0.1f, decoupled: true, step: 3);
            }
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("a gradient of another shape", "gradient of 'x1' is (4), expected (3)", b => Optimizer.Sgd(b.Input([]), [b.Input([3])], [b.Input([4])], [])),
        new("a velocity of another shape", "velocity of 'x1' is (1), expected (3)", b => Optimizer.Sgd(b.Input([]), [b.Input([3])], [b.Input([3])], [b.Input([1])], momentum: 0.5f)),
        new("a rate that is no number", "learning rate is (1), expected ()", b => Optimizer.Sgd(b.Input([1]), [b.Input([3])], [b.Input([3])], [])),
        new("an integer gradient", "gradient of 'x1' is Int32, expected Float32", b => Optimizer.Sgd(b.Input([]), [b.Input([3])], [b.Indices(DType.Int32, [3], 4)], [])),
        new("a velocity of another type", "velocity of 'x1' is BFloat16, expected Float32", b => Optimizer.Sgd(b.Input([]), [b.Input([3])], [b.Input([3])], [Pointwise.Cast(b.Input([3]), DType.BFloat16)], momentum: 0.5f)),
        new("a step that is no integer", "step is Float32, expected Int64", b => Optimizer.Adam(b.Input([]), b.Input([]), [b.Input([3])], [b.Input([3])], [b.Input([3])], [b.Input([3])])),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape[] shapes = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => new Shape(random.Next(1, 40), random.Next(1, 5)))];
        return random.Next(2) == 0
            ? Sgd(shapes, random.Next(2) * 0.8f, random.Next(2) * 0.05f, nesterov: false)
            : Adam(shapes, random.Next(2) * 0.05f, random.Next(2) == 0, random.Next(20));
    }

    private static OperatorCase Sgd(Shape[] shapes, float momentum, float weightDecay, bool nesterov, DType gradient = DType.Float32) =>
        new($"sgd {string.Join(' ', shapes)}, momentum {momentum}, weight decay {weightDecay}{(nesterov ? ", nesterov" : "")}{Named(gradient)}", b =>
        {
            Size(b);
            var rate = b.Given(DType.Float32, [], [0.125]);
            var (parameters, gradients) = (Inputs(b, shapes, -1, 1), Inputs(b, shapes, -1, 1));
            var velocities = momentum == 0f ? [] : Inputs(b, shapes, -1, 1);
            Optimizer.Sgd(rate, parameters, InType(gradients, gradient), velocities, momentum, weightDecay, nesterov);
            return gradients[0] + 0.5f;
        });

    private static OperatorCase Adam(Shape[] shapes, float weightDecay, bool decoupled, int step, DType gradient = DType.Float32) =>
        new($"adam {string.Join(' ', shapes)}, weight decay {weightDecay}{(decoupled ? " decoupled" : "")}, step {step}{Named(gradient)}", b =>
        {
            Size(b);
            var rate = b.Given(DType.Float32, [], [0.0625]);
            var steps = b.Given(DType.Int64, [], [step]);
            var (parameters, gradients) = (Inputs(b, shapes, -1, 1), Inputs(b, shapes, -1, 1));
            Optimizer.Adam(rate, steps, parameters, InType(gradients, gradient), Inputs(b, shapes, -1, 1), Inputs(b, shapes, 0.1, 1), weightDecay: weightDecay, decoupled: decoupled);
            return gradients[0] + 0.5f;
        });

    private static Value[] Inputs(CaseBuilder b, Shape[] shapes, double low, double high) =>
        Array.ConvertAll(shapes, shape => b.Input(shape, low, high));

    private static string Named(DType gradient) => gradient == DType.Float32 ? "" : $", {gradient} gradients";

    private static Value[] InType(Value[] gradients, DType type) =>
        type == DType.Float32 ? gradients : Array.ConvertAll(gradients, gradient => Pointwise.Cast(gradient, type));

    private static void Size(CaseBuilder b)
    {
        b.ReductionLength = 16;
        b.Magnitude = 1;
        b.HasDerivative = false;
    }
}

internal sealed class OptimizerTests : OperatorTests<OptimizerCases>
{
    [Test]
    public void Lists_of_different_lengths_are_refused()
    {
        var b = new CaseBuilder(device: null);
        Assert.That(() => Optimizer.Sgd(b.Input([]), [b.Input([3])], [], []), Throws.ArgumentException.With.Message.Contains("1 parameters, but 0 of kind gradient"));
        Assert.That(() => Optimizer.Sgd(b.Input([]), [b.Input([3])], [b.Input([3])], [], momentum: 0.5f), Throws.ArgumentException.With.Message.Contains("0 of kind velocity"));
        Assert.That(() => Optimizer.Sgd(b.Input([]), [], [], []), Throws.ArgumentException.With.Message.Contains("no parameters"));
    }

    [Test]
    public void A_parameter_that_is_no_tensor_is_refused()
    {
        var b = new CaseBuilder(device: null);
        var w = b.Input([3]);
        Assert.That(() => Optimizer.Sgd(b.Input([]), [w * 2f], [w], []), Throws.ArgumentException.With.Message.Contains("would be overwritten"));
    }
}
