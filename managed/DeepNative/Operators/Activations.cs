using static DeepNative.Operators.Term;

namespace DeepNative.Operators;

/// <summary>
/// Activation functions: formulas of one element, and of their gradient where the generic rules would keep
/// the input for the backward pass or lose digits. They compute and give float32; NaN stays NaN.
/// </summary>
/// <remarks>
/// The hyperbolic tangent and the sigmoid are among <see cref="Pointwise"/>, the softmax is
/// <see cref="Softmax.Apply"/>. Gradients at kinks are those of the side below, 0 for relu.
/// </remarks>
public static class Activations
{
    private const float SeluScale = 1.05070098735548049f;
    private const float SeluAlpha = 1.67326324235437728f;

    /// <summary>max(x, 0) over one input: the form that the engine joins with pooling and convolution.</summary>
    internal static Expression ReluExpression { get; } = Of(x => Max(x, 0f));

    /// <summary>g * (y &gt; 0) over the gradient and the output of relu.</summary>
    internal static Expression ReluGradientExpression { get; } = Of((g, y) => g * (y > 0f));

    /// <summary>1 above 0, else 0: the step function. The gradient is 0.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Heaviside(Value x) => Apply(nameof(Heaviside), x, v => Select(IsNaN(v), v, v > 0f), (g, _, _) => g * 0f);

    /// <summary>max(x, 0). Its gradient is g * (y > 0).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Relu(Value x) => Apply(nameof(Relu), x, ReluExpression, ReluGradientExpression);

    /// <summary>min(max(x, 0), 6).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Relu6(Value x) => Clamp(nameof(Relu6), x, 0f, 6f);

    /// <summary>x above 0, slope * x elsewhere (Maas, Hannun, Ng: "Rectifier nonlinearities", 2013).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="slope">The slope below 0.</param>
    /// <returns>The same shape.</returns>
    public static Value LeakyRelu(Value x, float slope = 0.01f)
    {
        // The output has the input's sign only for a slope above 0; it stands in for the input there.
        if (slope > 0f) return Apply(nameof(LeakyRelu), x, v => Select(v > 0f, v, slope * v), (g, y, _) => g * Select(y > 0f, 1f, slope));
        return Apply(nameof(LeakyRelu), x, v => Select(v > 0f, v, slope * v));
    }

    /// <summary>x above 0, slope * x elsewhere, with slopes that have a gradient (He et al.: "Delving deep into rectifiers", 2015).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="slope">A shape that broadcasts with it: () for one slope, (C, 1, 1) for one of each channel of (N, C, H, W).</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public static Value PRelu(Value x, Value slope)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(slope);
        return PointwiseNode.Create(x.Graph, nameof(PRelu), Of((v, a) => Select(v > 0f, v, a * v)), [x, slope]);
    }

    /// <summary>x above 0, alpha * (exp(x) - 1) elsewhere (Clevert, Unterthiner, Hochreiter: "ELU", 2016).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="alpha">Minus the limit at minus infinity; above 0.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentOutOfRangeException">alpha is not above 0.</exception>
    public static Value Elu(Value x, float alpha = 1f)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(alpha);
        return Apply(nameof(Elu), x, v => Select(v > 0f, v, alpha * Expm1(v)), (g, y, _) => g * Select(y > 0f, 1f, y + alpha));
    }

    /// <summary>
    /// scale * elu(x, alpha) with the scale 1.0507 and the alpha 1.6733 that keep mean 0 and variance 1
    /// (Klambauer et al.: "Self-normalizing neural networks", 2017).
    /// </summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Selu(Value x) => Apply(
        nameof(Selu), x, v => SeluScale * Select(v > 0f, v, SeluAlpha * Expm1(v)), (g, y, _) => g * Select(y > 0f, SeluScale, y + SeluScale * SeluAlpha));

    /// <summary>x above 0, alpha * (exp(x / alpha) - 1) elsewhere: an elu whose slope has no jump (Barron 2017).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="alpha">Minus the limit at minus infinity; above 0.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentOutOfRangeException">alpha is not above 0.</exception>
    public static Value Celu(Value x, float alpha = 1f)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(alpha);
        return Apply(nameof(Celu), x, v => Select(v > 0f, v, alpha * Expm1(v / alpha)), (g, y, _) => g * Select(y > 0f, 1f, y / alpha + 1f));
    }

    /// <summary>min(max(x, minimum), maximum).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="minimum">The least result.</param>
    /// <param name="maximum">The largest result; above the least.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentOutOfRangeException">maximum is not above minimum.</exception>
    public static Value HardTanh(Value x, float minimum = -1f, float maximum = 1f)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(maximum, minimum);
        return Clamp(nameof(HardTanh), x, minimum, maximum);
    }

    /// <summary>min(max(x + 3, 0), 6) / 6.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value HardSigmoid(Value x) => Apply(
        nameof(HardSigmoid), x, v => Min(Max(v + 3f, 0f), 6f) / 6f, (g, y, _) => g * ((y > 0f) * (y < 1f) / 6f));

    /// <summary>x * hardsigmoid(x) (Howard et al.: "Searching for MobileNetV3", 2019).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape; NaN at minus infinity.</returns>
    public static Value HardSwish(Value x) => Apply(nameof(HardSwish), x, v => v * (Min(Max(v + 3f, 0f), 6f) / 6f));

    /// <summary>ln(1 + exp(beta * x)) / beta, in a form that does not overflow.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="beta">The steepness; above 0.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentOutOfRangeException">beta is not above 0.</exception>
    public static Value Softplus(Value x, float beta = 1f)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(beta);

        // sigmoid(beta x) = 1 - exp(-beta y)
        return Apply(nameof(Softplus), x, v => Max(v, 0f) + Log1p(Exp(-Abs(beta * v))) / beta, (g, y, _) => g * -Expm1(-(beta * y)));
    }

    /// <summary>-ln(1 + exp(-x)): the logarithm of the sigmoid.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value LogSigmoid(Value x) => Apply(
        nameof(LogSigmoid), x, v => Min(v, 0f) - Log1p(Exp(-Abs(v))), (g, y, _) => g * -Expm1(y));

    /// <summary>x / (1 + |x|); NaN at both infinities.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Softsign(Value x) => Apply(nameof(Softsign), x, v => v / (1f + Abs(v)), (g, y, _) => g * Square(1f - Abs(y)));

    /// <summary>x times the normal distribution's probability below x (Hendrycks, Gimpel: "Gaussian error linear units", 2016).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="form">How the probability is computed.</param>
    /// <returns>The same shape; NaN at minus infinity.</returns>
    public static Value Gelu(Value x, GeluForm form = GeluForm.Exact)
    {
        if (form == GeluForm.Exact) return Apply(nameof(Gelu), x, v => 0.5f * v * (1f + Erf(v * 0.70710678118654752f)));

        // (1 + tanh(u)) / 2 = sigmoid(2u), which is 0 or 1 in float32 beyond 11.
        return Apply(nameof(Gelu), x, v =>
        {
            var near = Min(Max(v, -11f), 11f);
            return v * Sigmoid(near * (1.59576912160573071f + 0.0713548162726008f * Square(near)));
        });
    }

    /// <summary>x * sigmoid(beta * x), also called swish (Ramachandran, Zoph, Le: "Searching for activation functions", 2017).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="beta">The steepness.</param>
    /// <returns>The same shape; NaN where beta * x is minus infinity.</returns>
    public static Value Silu(Value x, float beta = 1f) => Apply(nameof(Silu), x, v => v * Sigmoid(beta * v));

    /// <summary>x * tanh(softplus(x)) (Misra: "Mish", 2019).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape; NaN at minus infinity.</returns>
    public static Value Mish(Value x) => Apply(
        nameof(Mish), x,
        v =>
        {
            var (_, n) = MishParts(v);
            return v * (n / (n + 2f));
        },
        (g, _, v) =>
        {
            var (e, n) = MishParts(v);
            var inverse = 1f / (n + 2f);
            return g * (n * inverse + Min(v, 20f) * (4f * e * (e + 1f) * Square(inverse)));
        });

    /// <summary>The largest of each k neighbouring channels (Goodfellow et al.: "Maxout networks", 2013); equal ones share the gradient.</summary>
    /// <param name="x">Any shape whose axis has k times as many channels as the result's.</param>
    /// <param name="pieces">k, at least 1, divides the extent of the axis.</param>
    /// <param name="axis">The axis of the channels; 1 for (N, C, ...).</param>
    /// <returns>The same shape with a k-th of the channels.</returns>
    /// <exception cref="ShapeException">There is no such axis, or k does not divide its extent.</exception>
    public static Value Maxout(Value x, int pieces, int axis = 1)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(pieces, 1);
        CheckChannels(nameof(Maxout), x, pieces, axis);
        var split = x.Shape.Until(axis).Concat([x.Shape[axis] / pieces, pieces]).Concat(x.Shape.From(axis + 1));
        return Reduce.Max(Reshape.To(x, split), [axis + 1]);
    }

    /// <summary>The first half of the channels times the sigmoid of the second (Dauphin et al.: "Language modeling with gated convolutional networks", 2017).</summary>
    /// <param name="x">Any shape with an even number of channels.</param>
    /// <param name="axis">The axis of the channels; 1 for (N, C, ...).</param>
    /// <returns>The same shape with half the channels.</returns>
    /// <exception cref="ShapeException">There is no such axis, or its extent is odd.</exception>
    public static Value Glu(Value x, int axis = 1)
    {
        ArgumentNullException.ThrowIfNull(x);
        CheckChannels(nameof(Glu), x, 2, axis);
        var halves = Slice.Chunk(x, 2, axis);
        return halves[0] * Pointwise.Sigmoid(halves[1]);
    }

    private static void CheckChannels(string name, Value x, int divisor, int axis)
    {
        if (axis >= 0 && axis < x.Shape.Rank && x.Shape[axis] % divisor == 0) return;
        throw x.Graph.Mismatch(
            name, $"a multiple of {divisor} along axis {axis}", x.Shape.ToString(), $"input is {x.Shape}, expected a multiple of {divisor} along axis {axis}");
    }

    private static Value Clamp(string name, Value x, float minimum, float maximum) => Apply(
        name, x, v => Min(Max(v, minimum), maximum), (g, y, _) => g * ((y > minimum) * (y < maximum)));

    // With e = exp(x) and n = e (e + 2), tanh(softplus(x)) = n / (n + 2): 1 to the last bit from 20 on.
    private static (Term E, Term N) MishParts(Term x)
    {
        var e = Exp(Min(x, 20f));
        return (e, e * (e + 2f));
    }

    // The gradient is a formula of the output's gradient g, the output y and the input.
    private static Value Apply(string name, Value x, Func<Term, Term> formula, Func<Term, Term, Term, Term>? gradient = null) =>
        Apply(name, x, Of(formula), gradient is null ? null : Of(gradient));

    private static Value Apply(string name, Value x, Expression expression, Expression? gradient)
    {
        ArgumentNullException.ThrowIfNull(x);
        return PointwiseNode.Create(x.Graph, name, expression, [x], gradient: gradient);
    }
}
