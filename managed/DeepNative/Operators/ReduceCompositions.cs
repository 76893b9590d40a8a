namespace DeepNative.Operators;

// What follows from sums, means and maxima.
public static partial class Reduce
{
    /// <summary>The minimum over axes; NaN wins. Equal minima share the gradient.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to search; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The minima.</returns>
    public static Value Min(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        return -Max(-Checked(x, nameof(Min)), axes, keepDims);
    }

    /// <summary>The index of the minimum along one axis; the lowest of equal ones; NaN wins. No gradient.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axis">The axis to search.</param>
    /// <param name="keepDims">Whether it stays with extent 1.</param>
    /// <returns>The indices, Int32.</returns>
    public static Value ArgMin(Value x, int axis, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        return ArgMax(-Checked(x, nameof(ArgMin)), axis, keepDims);
    }

    /// <summary>The mean square distance from the mean over axes, in two passes: first the mean, then the distances.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to measure over; none: all.</param>
    /// <param name="correction">Taken off the number of elements n that is divided by: 1 is unbiased, 0 biased.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The variances.</returns>
    /// <exception cref="ShapeException">There are not more elements than the correction.</exception>
    public static Value Variance(Value x, ReadOnlySpan<int> axes = default, int correction = 1, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfNegative(correction);
        var mean = Mean(x, axes, keepDims: true);
        var count = CountOf(x.Shape, CheckedMask(nameof(Variance), x, axes));
        if (count <= correction)
        {
            throw x.Graph.Mismatch(
                nameof(Variance), $"more than {correction} elements", $"{count}",
                $"there are {count} elements to measure, expected more than the correction {correction}; input is {x.Shape}");
        }

        var distance = x - mean;
        return Sum(distance * distance, axes, keepDims) * (1f / (count - correction));
    }

    /// <summary>The square root of <see cref="Variance"/>; where that is 0 the gradient is 0.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to measure over; none: all.</param>
    /// <param name="correction">Taken off the number of elements n that is divided by: 1 is unbiased, 0 biased.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The standard deviations.</returns>
    /// <exception cref="ShapeException">There are not more elements than the correction.</exception>
    public static Value StandardDeviation(Value x, ReadOnlySpan<int> axes = default, int correction = 1, bool keepDims = false) =>
        Root(Variance(x, axes, correction, keepDims));

    /// <summary>The sum of absolute values over axes (the 1-norm); the gradient at 0 is 0.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to measure over; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The norms.</returns>
    public static Value NormL1(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Sum(Pointwise.Abs(Checked(x, nameof(NormL1))), axes, keepDims);
    }

    /// <summary>The square root of the sum of squares over axes (the Euclidean norm); the gradient at 0 is 0.</summary>
    /// <remarks>The squares must be float32 numbers: elements above 1e19 give infinity.</remarks>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to measure over; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The norms.</returns>
    public static Value NormL2(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        Checked(x, nameof(NormL2));
        return Root(Sum(x * x, axes, keepDims));
    }

    /// <summary>
    /// ln(sum of exp(x)) over axes, without overflow: of x less the whole part of the largest. All -infinity gives
    /// -infinity, an infinity infinity.
    /// </summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to sum over; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The logarithms.</returns>
    public static Value LogSumExp(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);

        // Floor has no gradient: the shift is a constant to the derivative, as it may be.
        var largest = Pointwise.Floor(Max(Checked(x, nameof(LogSumExp)), axes, keepDims: true));
        var shift = Pointwise.Select(Pointwise.Less(Pointwise.Abs(largest), x.Graph.Constant(float.PositiveInfinity)), largest, x.Graph.Constant(0f));
        var logarithm = Pointwise.Log(Sum(Pointwise.Exp(x - shift), axes, keepDims: true)) + shift;
        return keepDims ? logarithm : Reshape.To(logarithm, ResultShape(x.Shape, CheckedMask(nameof(LogSumExp), x, axes), keepDims: false));
    }

    /// <summary>
    /// The product over axes, multiplied pair by pair, so that zeros and signs are right and so is the gradient at
    /// them.
    /// </summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axes">The axes to multiply over; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>The products.</returns>
    public static Value Product(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        var mask = CheckedMask(nameof(Product), Checked(x, nameof(Product)), axes);
        if (CountOf(x.Shape, mask) == 0)
            throw x.Graph.Mismatch(nameof(Product), "one or more elements", "none", $"there is nothing to reduce; input is {x.Shape}");
        var shape = ResultShape(x.Shape, mask, keepDims);
        for (var axis = 0; axis < x.Shape.Rank; axis++)
        {
            if ((mask & (1 << axis)) != 0) x = ProductAlong(x, axis);
        }

        return Reshape.To(x, shape);
    }

    /// <summary>1 where any element over the axes is not 0, else 0; NaN is not 0. No gradient.</summary>
    /// <param name="x">Any shape and data type.</param>
    /// <param name="axes">The axes to search; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>1 or 0, float32.</returns>
    public static Value Any(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Max(Pointwise.NotEqual(x, x.Graph.Constant(0f)), axes, keepDims);
    }

    /// <summary>1 where all elements over the axes are not 0, else 0; NaN is not 0. No gradient.</summary>
    /// <param name="x">Any shape and data type.</param>
    /// <param name="axes">The axes to search; none: all.</param>
    /// <param name="keepDims">Whether they stay with extent 1.</param>
    /// <returns>1 or 0, float32.</returns>
    public static Value All(Value x, ReadOnlySpan<int> axes = default, bool keepDims = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Min(Pointwise.NotEqual(x, x.Graph.Constant(0f)), axes, keepDims);
    }

    // Halves are multiplied until one element is left; odd ones wait for the end.
    private static Value ProductAlong(Value x, int axis)
    {
        Value? odd = null;
        for (var count = x.Shape[axis]; count > 1; count /= 2)
        {
            var half = count / 2;
            if (count % 2 == 1)
            {
                var last = Slice.Along(x, axis, count - 1, count);
                odd = odd is null ? last : odd * last;
            }

            x = Slice.Along(x, axis, 0, half) * Slice.Along(x, axis, half, 2 * half);
        }

        return odd is null ? x : x * odd;
    }

    // The square root, whose gradient at 0 is 0 instead of infinity times what is mostly 0.
    private static Value Root(Value x)
    {
        var one = x.Graph.Constant(1f);
        var positive = Pointwise.Greater(x, x.Graph.Constant(0f));
        return Pointwise.Select(positive, Pointwise.Sqrt(Pointwise.Select(positive, x, one)), x * 0f);
    }

    private static Value Checked(Value x, string name)
    {
        x.Graph.CheckDType(name, "input", x, DType.Float32);
        return x;
    }
}
