using DeepNative.Operators;

namespace DeepNative;

/// <summary>
/// A tensor inside a <see cref="DeepNative.Graph"/>: what a node computes, a bound tensor or a constant.
/// It has a shape and a data type, but no memory of its own: programs are compiled from graphs.
/// </summary>
/// <remarks>
/// The operators are element-wise in float32 and broadcast by NumPy's rule; they throw
/// <see cref="ShapeException"/> where the shapes do not fit. Not thread-safe, as its graph.
/// </remarks>
public sealed class Value
{
    internal Value(Node producer, int index, DType dtype, Shape shape)
    {
        Producer = producer;
        Index = index;
        DType = dtype;
        Shape = shape;
    }

    /// <summary>The graph that it belongs to.</summary>
    public Graph Graph => Producer.Graph;

    /// <summary>Its shape.</summary>
    public Shape Shape { get; }

    /// <summary>Its data type.</summary>
    public DType DType { get; internal set; }

    /// <summary>The name of the layer, tensor or operator that it comes from; for messages and reports.</summary>
    public string Name => Producer.Name;

    internal Node Producer { get; set; }

    // Its place among the producer's outputs.
    internal int Index { get; set; }

    /// <summary>left + right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The sum, of the broadcast shape.</returns>
    public static Value operator +(Value left, Value right) => Pointwise.Add(left, right);

    /// <summary>left + right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A constant.</param>
    /// <returns>The sum, of the same shape.</returns>
    public static Value operator +(Value left, float right) => Pointwise.Add(left, Constant(left, right));

    /// <summary>left + right.</summary>
    /// <param name="left">A constant.</param>
    /// <param name="right">Any shape.</param>
    /// <returns>The sum, of the same shape.</returns>
    public static Value operator +(float left, Value right) => Pointwise.Add(Constant(right, left), right);

    /// <summary>left - right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The difference, of the broadcast shape.</returns>
    public static Value operator -(Value left, Value right) => Pointwise.Subtract(left, right);

    /// <summary>left - right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A constant.</param>
    /// <returns>The difference, of the same shape.</returns>
    public static Value operator -(Value left, float right) => Pointwise.Subtract(left, Constant(left, right));

    /// <summary>left - right.</summary>
    /// <param name="left">A constant.</param>
    /// <param name="right">Any shape.</param>
    /// <returns>The difference, of the same shape.</returns>
    public static Value operator -(float left, Value right) => Pointwise.Subtract(Constant(right, left), right);

    /// <summary>left * right, element by element.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The product, of the broadcast shape.</returns>
    public static Value operator *(Value left, Value right) => Pointwise.Multiply(left, right);

    /// <summary>left * right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A constant.</param>
    /// <returns>The product, of the same shape.</returns>
    public static Value operator *(Value left, float right) => Pointwise.Multiply(left, Constant(left, right));

    /// <summary>left * right.</summary>
    /// <param name="left">A constant.</param>
    /// <param name="right">Any shape.</param>
    /// <returns>The product, of the same shape.</returns>
    public static Value operator *(float left, Value right) => Pointwise.Multiply(Constant(right, left), right);

    /// <summary>left / right, element by element.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The quotient, of the broadcast shape.</returns>
    public static Value operator /(Value left, Value right) => Pointwise.Divide(left, right);

    /// <summary>left / right.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A constant.</param>
    /// <returns>The quotient, of the same shape.</returns>
    public static Value operator /(Value left, float right) => Pointwise.Divide(left, Constant(left, right));

    /// <summary>left / right.</summary>
    /// <param name="left">A constant.</param>
    /// <param name="right">Any shape.</param>
    /// <returns>The quotient, of the same shape.</returns>
    public static Value operator /(float left, Value right) => Pointwise.Divide(Constant(right, left), right);

    /// <summary>-value.</summary>
    /// <param name="value">Any shape.</param>
    /// <returns>The negative, of the same shape.</returns>
    public static Value operator -(Value value) => Pointwise.Negate(value);

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {DType} {Shape}";

    private static Value Constant(Value beside, float value)
    {
        ArgumentNullException.ThrowIfNull(beside);
        return beside.Graph.Constant(value);
    }
}
