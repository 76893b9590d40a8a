using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Element-wise functions. They compute in float32 and give float32, convert inputs of other data types,
/// and broadcast by NumPy's rule: shapes are aligned at their last dimension, and dimensions of 1 repeat.
/// The gradient of a repeated input is summed. Chains of them become one operator when compiled.
/// </summary>
/// <remarks>All throw <see cref="ShapeException"/> where shapes do not broadcast.</remarks>
public static class Pointwise
{
    /// <summary>left + right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Add(Value left, Value right) => Binary(nameof(Add), Opcode.Add, left, right);

    /// <summary>left - right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Subtract(Value left, Value right) => Binary(nameof(Subtract), Opcode.Sub, left, right);

    /// <summary>left * right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Multiply(Value left, Value right) => Binary(nameof(Multiply), Opcode.Mul, left, right);

    /// <summary>left / right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Divide(Value left, Value right) => Binary(nameof(Divide), Opcode.Div, left, right);

    /// <summary>
    /// The smaller of both; NaN where either is. Where they are equal the right one gets the gradient, or
    /// nobody when one is a constant.
    /// </summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Minimum(Value left, Value right) => Binary(nameof(Minimum), Opcode.Min, left, right);

    /// <summary>
    /// The larger of both; NaN where either is. Where they are equal the right one gets the gradient, or
    /// nobody when one is a constant.
    /// </summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Maximum(Value left, Value right) => Binary(nameof(Maximum), Opcode.Max, left, right);

    /// <summary>left to the power of right.</summary>
    /// <param name="left">The base; negative only for whole exponents.</param>
    /// <param name="right">The exponent, of a shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Power(Value left, Value right) => Binary(nameof(Power), Opcode.Pow, left, right);

    /// <summary>1 where left &lt; right, else 0; no gradient.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Less(Value left, Value right) => Binary(nameof(Less), Opcode.Lt, left, right);

    /// <summary>1 where left &lt;= right, else 0; no gradient.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value LessOrEqual(Value left, Value right) => Binary(nameof(LessOrEqual), Opcode.Le, left, right);

    /// <summary>1 where left &gt; right, else 0; no gradient.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Greater(Value left, Value right) => Binary(nameof(Greater), Opcode.Gt, left, right);

    /// <summary>1 where left &gt;= right, else 0; no gradient.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value GreaterOrEqual(Value left, Value right) => Binary(nameof(GreaterOrEqual), Opcode.Ge, left, right);

    /// <summary>1 where both are equal, else 0; NaN equals nothing; no gradient.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Equal(Value left, Value right) => Binary(nameof(Equal), Opcode.Eq, left, right);

    /// <summary>0 where both are equal, else 1; no gradient.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value NotEqual(Value left, Value right) => Binary(nameof(NotEqual), Opcode.Ne, left, right);

    /// <summary>
    /// condition != 0 ? left : right, element by element (elsewhere called "where"; NaN counts as true). The
    /// gradient goes to the side that was taken and is 0 on the other; the condition has none.
    /// </summary>
    /// <param name="condition">Any shape.</param>
    /// <param name="left">A shape that broadcasts with it.</param>
    /// <param name="right">A shape that broadcasts with both.</param>
    /// <returns>The broadcast shape.</returns>
    public static Value Select(Value condition, Value left, Value right)
    {
        ArgumentNullException.ThrowIfNull(condition);
        var expression = Compose(3, (e, x) => [e.Select(x[0], x[1], x[2])]);
        return PointwiseNode.Create(condition.Graph, nameof(Select), expression, [condition, left, right]);
    }

    /// <summary>
    /// x inside [low, high], else the nearer end; NaN stays NaN. The gradient is 1 between the ends, and 0 at
    /// them and outside, as for <see cref="Maximum"/> with a constant.
    /// </summary>
    /// <param name="x">Any shape.</param>
    /// <param name="low">The least result.</param>
    /// <param name="high">The largest result, not below <paramref name="low"/>.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The ends are NaN or in the wrong order.</exception>
    public static Value Clip(Value x, float low = float.NegativeInfinity, float high = float.PositiveInfinity)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (!(low <= high)) throw new ArgumentOutOfRangeException(nameof(high), high, $"the ends are {low} and {high}, expected them in order.");
        var expression = Compose(1, (e, v) =>
        {
            var (lower, upper) = (e.Constant(low), e.Constant(high));
            return [e.Select(e.Binary(Opcode.Le, v[0], lower), lower, e.Select(e.Binary(Opcode.Ge, v[0], upper), upper, v[0]))];
        });
        return PointwiseNode.Create(x.Graph, nameof(Clip), expression, [x]);
    }

    /// <summary>-x.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Negate(Value x) => Unary(nameof(Negate), Opcode.Neg, x);

    /// <summary>|x|; the gradient at 0 is 0.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Abs(Value x) => Unary(nameof(Abs), Opcode.Abs, x);

    /// <summary>The square root; NaN below 0.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Sqrt(Value x) => Unary(nameof(Sqrt), Opcode.Sqrt, x);

    /// <summary>1 / sqrt(x).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value ReciprocalSqrt(Value x) => Unary(nameof(ReciprocalSqrt), Opcode.Rsqrt, x);

    /// <summary>e to the power of x.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Exp(Value x) => Unary(nameof(Exp), Opcode.Exp, x);

    /// <summary>exp(x) - 1, accurate near 0.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value ExpMinusOne(Value x) => Unary(nameof(ExpMinusOne), Opcode.Expm1, x);

    /// <summary>The natural logarithm.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Log(Value x) => Unary(nameof(Log), Opcode.Log, x);

    /// <summary>ln(1 + x), accurate near 0.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value LogOnePlus(Value x) => Unary(nameof(LogOnePlus), Opcode.Log1p, x);

    /// <summary>The hyperbolic tangent.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Tanh(Value x) => Unary(nameof(Tanh), Opcode.Tanh, x);

    /// <summary>1 / (1 + exp(-x)).</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Sigmoid(Value x) => Unary(nameof(Sigmoid), Opcode.Sigmoid, x);

    /// <summary>The error function.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Erf(Value x) => Unary(nameof(Erf), Opcode.Erf, x);

    /// <summary>The largest whole number not above x; no gradient.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Value Floor(Value x) => Unary(nameof(Floor), Opcode.Floor, x);

    /// <summary>
    /// The same numbers in another data type: rounded to nearest even, saturated. Gradients pass between
    /// floating-point types.
    /// </summary>
    /// <param name="x">Any shape.</param>
    /// <param name="dtype">The data type of the result.</param>
    /// <returns>The same shape.</returns>
    public static Value Cast(Value x, DType dtype)
    {
        ArgumentNullException.ThrowIfNull(x);
        return PointwiseNode.Create(x.Graph, nameof(Cast), Compose(1, (_, v) => [v[0]]), [x], dtype);
    }

    /// <summary>x repeated along axes that it lacks or whose extent is 1. It goes by way of float32.</summary>
    /// <param name="x">Any shape and data type.</param>
    /// <param name="shape">The shape of the result.</param>
    /// <returns>The value under that shape.</returns>
    /// <exception cref="ShapeException">x does not broadcast to the shape.</exception>
    public static Value Expand(Value x, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (!Shape.TryBroadcast(x.Shape, shape, out var common) || common != shape)
            throw x.Graph.Mismatch(nameof(Expand), $"a shape that broadcasts to {shape}", x.Shape.ToString(), $"input is {x.Shape}, which does not broadcast to {shape}");
        return PointwiseNode.CreateAs(x.Graph, nameof(Expand), Compose(1, (_, v) => [v[0]]), [x], shape, x.DType);
    }

    /// <summary>x repeated to the shape of another value.</summary>
    internal static Value Expand(Value x, Value like) => Expand(x, like.Shape);

    /// <summary>A number repeated to a shape.</summary>
    internal static Value Fill(Graph graph, float number, Shape shape) => Expand(graph.Constant(number), shape);

    /// <summary>An expression of some inputs.</summary>
    internal static Expression Compose(int inputCount, Func<ExpressionBuilder, int[], int[]> outputs)
    {
        var builder = new ExpressionBuilder();
        var inputs = new int[inputCount];
        for (var i = 0; i < inputCount; i++) inputs[i] = builder.Input(i);
        return builder.Build(outputs(builder, inputs));
    }

    private static Value Unary(string name, Opcode opcode, Value x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return PointwiseNode.Create(x.Graph, name, Compose(1, (e, v) => [e.Unary(opcode, v[0])]), [x]);
    }

    private static Value Binary(string name, Opcode opcode, Value left, Value right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return PointwiseNode.Create(left.Graph, name, Compose(2, (e, v) => [e.Binary(opcode, v[0], v[1])]), [left, right]);
    }
}
