using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Parts of a value: every n-th element of a range along each axis, single indices, equal pieces.</summary>
/// <remarks>
/// Any data type. Axes below 0 are counted from the end. All throw <see cref="ShapeException"/> for an axis
/// that the value does not have and for a range outside the value. Gradients are zero outside the part.
/// </remarks>
public static class Slice
{
    private const string Title = "Slice";

    /// <summary>y[i, j, ...] = x[begin[0] + i * step[0], begin[1] + j * step[1], ...].</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="begin">The first index of each axis.</param>
    /// <param name="end">
    /// The index of each axis at which to stop, without it: from begin up to the extent, or with a step
    /// below 0 from begin down to -1, which lies before the first element.
    /// </param>
    /// <param name="step">The distance between elements of each axis; below 0 walks backwards; none: 1.</param>
    /// <returns>The elements, ceil((end - begin) / step) along each axis.</returns>
    public static Value Range(Value x, ReadOnlySpan<long> begin, ReadOnlySpan<long> end, ReadOnlySpan<long> step = default)
    {
        ArgumentNullException.ThrowIfNull(x);
        var rank = x.Shape.Rank;
        Axes.CheckCount(Title, x, "begin", begin.Length);
        Axes.CheckCount(Title, x, "end", end.Length);
        if (!step.IsEmpty) Axes.CheckCount(Title, x, "step", step.Length);
        Span<long> extents = stackalloc long[rank];
        var steps = new long[rank];
        for (var axis = 0; axis < rank; axis++)
        {
            steps[axis] = step.IsEmpty ? 1 : step[axis];
            extents[axis] = Length(x, axis, begin[axis], end[axis], steps[axis]);
        }

        return Take(x, begin.ToArray(), steps, new Shape(extents));
    }

    /// <summary>A range of one axis and everything of the others.</summary>
    /// <param name="x">Any shape with that axis.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="begin">The first index.</param>
    /// <param name="end">Where to stop, without it; see <see cref="Range"/>.</param>
    /// <param name="step">The distance between elements; below 0 walks backwards.</param>
    /// <returns>The elements.</returns>
    public static Value Along(Value x, int axis, long begin, long end, long step = 1)
    {
        ArgumentNullException.ThrowIfNull(x);
        axis = Axes.Resolve(Title, x, axis);
        var begins = new long[x.Shape.Rank];
        var steps = new long[x.Shape.Rank];
        Array.Fill(steps, 1);
        (begins[axis], steps[axis]) = (begin, step);
        return Take(x, begins, steps, x.Shape.With(axis, Length(x, axis, begin, end, step)));
    }

    /// <summary>Neighbouring indices of one axis and everything of the others.</summary>
    /// <param name="x">Any shape with that axis.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="start">The first index.</param>
    /// <param name="length">How many, 0 or more.</param>
    /// <returns>The elements.</returns>
    public static Value Narrow(Value x, int axis, long start, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return Along(x, axis, start, start + length);
    }

    /// <summary>One index of an axis, which disappears.</summary>
    /// <param name="x">Any shape with that axis.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="index">The index, 0 to the extent - 1.</param>
    /// <returns>A value of one axis less.</returns>
    public static Value Select(Value x, int axis, long index)
    {
        ArgumentNullException.ThrowIfNull(x);
        axis = Axes.Resolve(Title, x, axis);
        return Reshape.To(Along(x, axis, index, index + 1), x.Shape.Until(axis).Concat(x.Shape.From(axis + 1)));
    }

    /// <summary>The elements of some axes in the opposite order.</summary>
    /// <param name="x">Any shape with these axes.</param>
    /// <param name="axes">The axes, each once.</param>
    /// <returns>The same shape.</returns>
    public static Value Flip(Value x, params ReadOnlySpan<int> axes)
    {
        ArgumentNullException.ThrowIfNull(x);
        var begins = new long[x.Shape.Rank];
        var steps = new long[x.Shape.Rank];
        Array.Fill(steps, 1);
        foreach (var named in axes)
        {
            var axis = Axes.Resolve("Flip", x, named);
            if (steps[axis] < 0)
                throw x.Graph.Mismatch("Flip", "each axis once", $"axis {axis} twice", $"axis {axis} is named twice; input is {x.Shape}");
            if (x.Shape[axis] > 1) (begins[axis], steps[axis]) = (x.Shape[axis] - 1, -1);
        }

        return Take(x, begins, steps, x.Shape);
    }

    /// <summary>Cuts a value into pieces along an axis.</summary>
    /// <param name="x">Any shape with that axis.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="sizes">The pieces' extents, which add up to the axis's.</param>
    /// <returns>The pieces, in order.</returns>
    public static Value[] Split(Value x, int axis, params ReadOnlySpan<long> sizes)
    {
        ArgumentNullException.ThrowIfNull(x);
        axis = Axes.Resolve("Split", x, axis);
        var sum = 0L;
        foreach (var size in sizes) sum = size < 0 ? long.MinValue : sum + size;
        if (sum != x.Shape[axis] || sizes.IsEmpty)
        {
            throw x.Graph.Mismatch(
                "Split", $"sizes that add up to {x.Shape[axis]}", string.Join(", ", sizes.ToArray()),
                $"the sizes {string.Join(", ", sizes.ToArray())} do not add up to {x.Shape[axis]}, the extent of axis {axis}; input is {x.Shape}");
        }

        return sizes.Length == 1 ? [x] : [.. x.Graph.Add(new SliceSplitNode(x, axis, sizes.ToArray())).Outputs];
    }

    /// <summary>Cuts a value into equal pieces along an axis.</summary>
    /// <param name="x">Any shape with that axis.</param>
    /// <param name="parts">How many, 1 or more; they divide the axis's extent.</param>
    /// <param name="axis">The axis.</param>
    /// <returns>The pieces, in order.</returns>
    public static Value[] Chunk(Value x, int parts, int axis)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(parts, 1);
        axis = Axes.Resolve("Split", x, axis);
        if (x.Shape[axis] % parts != 0)
        {
            throw x.Graph.Mismatch(
                "Split", $"a multiple of {parts}", $"{x.Shape[axis]}", $"axis {axis} of extent {x.Shape[axis]} cannot be cut into {parts} equal parts; input is {x.Shape}");
        }

        var sizes = new long[parts];
        Array.Fill(sizes, x.Shape[axis] / parts);
        return Split(x, axis, sizes);
    }

    /// <summary>The elements begin + i * step, which are known to exist.</summary>
    internal static Value Take(Value x, long[] begin, long[] step, Shape shape)
    {
        var all = shape == x.Shape;
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            // Where there is one element or none, the step says nothing.
            if (shape[axis] <= 1) step[axis] = 1;
            if (shape[axis] == 0) begin[axis] = 0;
            all = all && begin[axis] == 0 && step[axis] == 1;
        }

        return all ? x : x.Graph.Add(new SliceNode(x, begin, step, shape)).Outputs[0];
    }

    private static long Length(Value x, int axis, long begin, long end, long step)
    {
        if (step == 0) throw x.Graph.Mismatch(Title, "a step other than 0", "0", $"the step of axis {axis} is 0; input is {x.Shape}");
        var extent = x.Shape[axis];
        var (low, high) = step > 0 ? (0L, extent) : (-1L, extent - 1);
        if (begin < low || begin > high || end < low || end > high)
        {
            throw x.Graph.Mismatch(
                Title, $"{low} to {high}", $"{begin} to {end}", $"the range {begin} to {end} of axis {axis} is outside {low} to {high}; input is {x.Shape}");
        }

        // One division without a sum that could overflow.
        var distance = step > 0 ? end - begin : begin - end;
        var stride = step == long.MinValue ? long.MaxValue : Math.Abs(step);
        return distance <= 0 ? 0 : (distance - 1) / stride + 1;
    }
}

internal sealed class SliceNode : Node
{
    private readonly long[] _begin;
    private readonly long[] _step;

    public SliceNode(Value x, long[] begin, long[] step, Shape shape)
        : base(x.Graph, x)
    {
        _begin = begin;
        _step = step;
        AddOutput(x.DType, shape);
    }

    public ReadOnlySpan<long> Begin => _begin;

    public ReadOnlySpan<long> Step => _step;

    public override string OperatorName => "Slice";

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Slice);

    public override object? Attributes => $"{string.Join(',', _begin)}:{string.Join(',', _step)}";

    // What was taken goes back to its place, with zeros around and between.
    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradient) return [null];
        var (x, y) = (Inputs[0]!.Shape, Outputs[0].Shape);
        var begin = new long[x.Rank];
        var end = new long[x.Rank];
        var step = new long[x.Rank];
        var backwards = new List<int>();
        for (var axis = 0; axis < x.Rank; axis++)
        {
            step[axis] = Math.Abs(_step[axis]);
            var reach = y[axis] == 0 ? 0 : (y[axis] - 1) * step[axis] + 1;
            begin[axis] = _step[axis] > 0 ? _begin[axis] : _begin[axis] - reach + 1;
            end[axis] = x[axis] - reach - begin[axis];
            if (_step[axis] < 0) backwards.Add(axis);
        }

        return [Pad.Spread(Slice.Flip(gradient, backwards.ToArray()), begin, end, step)];
    }

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new SliceAttributes();
        for (var axis = 0; axis < _begin.Length; axis++)
        {
            attributes.Begin[axis] = _begin[axis];
            attributes.Step[axis] = _step[axis];
        }

        writer.Add(this, OperatorKind.Slice, attributes);
    }
}

/// <summary>All pieces of a value along one axis; one slice each. Its gradient is one concatenation.</summary>
internal sealed class SliceSplitNode : Node
{
    private readonly long[] _sizes;

    public SliceSplitNode(Value x, int axis, long[] sizes)
        : base(x.Graph, x)
    {
        Axis = axis;
        _sizes = sizes;
        foreach (var size in sizes) AddOutput(x.DType, x.Shape.With(axis, size));
    }

    public int Axis { get; }

    public override string OperatorName => "Split";

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Slice, Outputs: NodeData.All);

    public override object? Attributes => (Axis, string.Join(',', _sizes));

    public override bool IsOptional(int output) => true;

    public override Value?[] Derivative(DerivativeContext context)
    {
        var parts = new Value[_sizes.Length];
        for (var i = 0; i < parts.Length; i++) parts[i] = context.GradOutput(i) ?? Pointwise.Fill(Graph, 0f, Outputs[i].Shape);
        return [Concat.Along(Axis, parts)];
    }

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new SliceAttributes();
        for (var axis = 0; axis < Inputs[0]!.Shape.Rank; axis++) attributes.Step[axis] = 1;
        for (var i = 0; i < _sizes.Length; i++)
        {
            writer.AddOutput(this, i, OperatorKind.Slice, attributes);
            attributes.Begin[Axis] += _sizes[i];
        }
    }
}
