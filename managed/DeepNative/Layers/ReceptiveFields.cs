using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Follows the receptive field of every value through a graph: along each spatial axis, element 0 sees the input's elements
/// Low to High, and element i the same i * Step further.
/// </summary>
internal sealed class ReceptiveFields
{
    // Null: all of the input.
    private readonly Dictionary<Value, Span[]?> _fields = [];

    /// <summary>Walks the nodes of a graph once.</summary>
    /// <param name="input">The model's input, (N, C, spatial...); inputs without spatial axes have no fields.</param>
    public ReceptiveFields(Value input)
    {
        if (input.Shape.Rank < 3) return;
        var start = new Span[input.Shape.Rank - 2];
        Array.Fill(start, new Span(0, 0, 1));
        _fields[input] = start;
        foreach (var node in input.Graph.Nodes)
        {
            if (!node.Inputs.Any(value => value is not null && _fields.ContainsKey(value))) continue;
            var field = Of(node);
            foreach (var output in node.Outputs) _fields[output] = output.Shape.Rank == start.Length + 2 ? field : null;
        }
    }

    /// <summary>The field of a value; null: it sees the whole input, or has no spatial axes.</summary>
    public ReceptiveField? Of(Value value) => _fields.TryGetValue(value, out var field) && field is not null
        ? new ReceptiveField(new Shape(Array.ConvertAll(field, axis => axis.Size)), Array.ConvertAll(field, axis => axis.Step))
        : null;

    private Span[]? Of(Node node)
    {
        Span[]? joined = null;
        foreach (var input in node.Inputs)
        {
            if (input is null || !_fields.TryGetValue(input, out var field)) continue;
            if (field is null) return null;
            joined = joined is null ? field : Join(joined, field);
        }

        if (joined is null) return null;
        var (x, y) = (node.Inputs[0]!.Shape, node.Outputs[0].Shape);
        if (x.Rank != joined.Length + 2 || y.Rank != x.Rank) return SameExtents(node, joined.Length) ? joined : null;
        var result = new Span[joined.Length];
        for (var axis = 0; axis < result.Length; axis++)
        {
            if (Through(node, axis, joined[axis], x[axis + 2], y[axis + 2]) is not { } span) return null;
            result[axis] = span;
        }

        return result;
    }

    private static Span? Through(Node node, int axis, Span span, long from, long to) => node switch
    {
        ConvolutionNode { Window: var w } => span.Windowed(node.Inputs[1]!.Shape[axis + 2], w.Stride[axis], w.PaddingBegin[axis], w.Dilation[axis]),
        ConvolutionDataNode { Window: var w } => span.Spread(w.Dilation[axis] * (node.Inputs[1]!.Shape[axis + 2] - 1) + 1, w.Stride[axis]),
        PoolingNode { Window: var w } when w.Kernel[axis] == from && to == 1 && from > 1 => null,
        PoolingNode { Window: var w } => span.Windowed(w.Kernel[axis], w.Stride[axis], w.PaddingBegin[axis], 1),
        PoolingBackwardNode { Window: var w } => span.Spread(1, w.Stride[axis]),
        ResizeNode => span.Resized((double)from / to),
        SliceNode slice => span.Windowed(1, slice.Step[axis + 2], -slice.Begin[axis + 2], 1),
        PadNode { Amount: var amount } => new Span(
            span.Low - amount.Begin[axis + 2] * span.Step / amount.Step[axis + 2], span.High - amount.Begin[axis + 2] * span.Step / amount.Step[axis + 2],
            span.Step / amount.Step[axis + 2]),
        _ => from == to ? span : null,
    };

    // Operators whose first input is not the one that is followed, such as numbers broadcast with it.
    private bool SameExtents(Node node, int rank)
    {
        var y = node.Outputs[0].Shape;
        return y.Rank == rank + 2 && node.Inputs.Any(input => input is not null && _fields.ContainsKey(input) && input.Shape.From(2) == y.From(2));
    }

    private static Span[] Join(Span[] left, Span[] right)
    {
        var joined = new Span[left.Length];
        for (var axis = 0; axis < joined.Length; axis++)
            joined[axis] = new Span(Math.Min(left[axis].Low, right[axis].Low), Math.Max(left[axis].High, right[axis].High), Math.Max(left[axis].Step, right[axis].Step));
        return joined;
    }

    private readonly record struct Span(double Low, double High, double Step)
    {
        // Halves come from transposed convolutions, whose elements see different numbers of others.
        public long Size => (long)Math.Ceiling(High - Low + 1 - 1e-9);

        public Span Windowed(long kernel, long stride, long padding, long dilation) =>
            new(Low - padding * Step, High + (dilation * (kernel - 1) - padding) * Step, Step * stride);

        // One element becomes `stride`, each of which sees every element whose window holds it.
        public Span Spread(long window, long stride)
        {
            var seen = (window + stride - 1) / stride - 1;
            return new Span(Low - seen * Step / 2, High + seen * Step / 2, Step / stride);
        }

        // Means of parts where it shrinks, two neighbours where it grows.
        public Span Resized(double ratio) => new(Low, High + Math.Max(Math.Ceiling(ratio) - 1, ratio < 1 ? 1 : 0) * Step, Step * ratio);
    }
}
