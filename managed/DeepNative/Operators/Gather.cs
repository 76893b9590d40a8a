using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Elements chosen by indices that lie on the device: rows of a table (embeddings, batches of a data set) or
/// single elements along an axis; and the sums that send them back.
/// </summary>
/// <remarks>
/// An index outside its range makes the run fail and is named. What is gathered has a gradient, any number of
/// times; where an element is taken more than once, its gradients are added in the order of the indices, the
/// same on every run. Indices have none.
/// </remarks>
public static class Gather
{
    private const string Title = "Gather";
    private const string ScatterTitle = "ScatterAdd";

    /// <summary>y[i] = x[indices[i]].</summary>
    /// <param name="x">The table: (M, ...), any data type.</param>
    /// <param name="indices">(N), Int32, each 0 to M - 1.</param>
    /// <param name="paddingIndex">A row that gets no gradient; -1: none.</param>
    /// <returns>(N, ...), of the table's data type.</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit, or there is no such row.</exception>
    public static Value Rows(Value x, Value indices, int paddingIndex = -1)
    {
        Check(x, indices);
        CheckPadding(x.Graph, Title, paddingIndex, x.Shape);
        return x.Graph.Add(new GatherNode(x, indices, null, indices.Shape[0], advance: false, paddingIndex)).Outputs[0];
    }

    /// <summary>y[m] = the sum of all source[i] with indices[i] = m, added in ascending i: the transpose of <see cref="Rows"/>.</summary>
    /// <param name="source">(N, ...), float32.</param>
    /// <param name="indices">(N), Int32, each 0 to <paramref name="rows"/> - 1.</param>
    /// <param name="rows">Rows of the result, at least 0.</param>
    /// <param name="paddingIndex">A row that stays 0; -1: none.</param>
    /// <returns>(rows, ...).</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit, or there is no such row.</exception>
    public static Value ScatterAddRows(Value source, Value indices, long rows, int paddingIndex = -1)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        var graph = source.Graph;
        graph.CheckDType(ScatterTitle, "source", source, DType.Float32);
        graph.CheckDType(ScatterTitle, "indices", indices, DType.Int32);
        if (source.Shape.Rank == 0)
            throw graph.Mismatch(ScatterTitle, "rank 1 or more", "rank 0", "the source is one number, expected (N, ...)");
        graph.CheckShape(ScatterTitle, "indices", indices, new Shape(source.Shape[0]));
        var shape = source.Shape.With(0, rows);
        CheckPadding(graph, ScatterTitle, paddingIndex, shape);
        return graph.Add(new GatherRowsBackwardNode(source, indices, shape, paddingIndex)).Outputs[0];
    }

    /// <summary>y[.., i, ..] = x[.., indices[.., i, ..], ..]: along one axis, each line by its own indices.</summary>
    /// <param name="x">Any shape and data type.</param>
    /// <param name="indices">Int32, of x's shape but along the axis; each 0 to x's extent there - 1.</param>
    /// <param name="axis">The axis that the indices count along.</param>
    /// <returns>The indices' shape, of x's data type.</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit, or there is no such axis.</exception>
    public static Value Along(Value x, Value indices, int axis)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(indices);
        var graph = x.Graph;
        graph.CheckDType(Title, "indices", indices, DType.Int32);
        graph.CheckAxis(Title, x, axis);
        graph.CheckRank(Title, "indices", indices, x.Shape.Rank);
        graph.CheckShape(Title, "indices", indices, x.Shape.With(axis, indices.Shape[axis]));
        return graph.Add(new GatherAlongNode(x, indices, axis)).Outputs[0];
    }

    /// <summary>
    /// y[.., m, ..] = the sum of all source[.., i, ..] with indices[.., i, ..] = m, added in ascending i: the
    /// transpose of <see cref="Along"/>.
    /// </summary>
    /// <param name="source">Any shape, float32.</param>
    /// <param name="indices">Int32, of the source's shape; each 0 to <paramref name="extent"/> - 1.</param>
    /// <param name="axis">The axis that the indices count along.</param>
    /// <param name="extent">The result's extent along the axis, at least 0.</param>
    /// <returns>The source's shape with that extent.</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit, or there is no such axis.</exception>
    public static Value ScatterAddAlong(Value source, Value indices, int axis, long extent)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentOutOfRangeException.ThrowIfNegative(extent);
        var graph = source.Graph;
        graph.CheckDType(ScatterTitle, "source", source, DType.Float32);
        graph.CheckDType(ScatterTitle, "indices", indices, DType.Int32);
        graph.CheckAxis(ScatterTitle, source, axis);
        graph.CheckShape(ScatterTitle, "indices", indices, source.Shape);
        return graph.Add(new GatherAlongBackwardNode(source, indices, axis, source.Shape.With(axis, extent))).Outputs[0];
    }

    /// <summary>
    /// y[i] = x[indices[position + i]]: the next rows of a longer list. A program that reads several tables
    /// at one position advances it with the last of them; each run then takes the rows behind the run before.
    /// </summary>
    /// <param name="x">The table: (M, ...), any data type.</param>
    /// <param name="indices">(L), Int32, each 0 to M - 1.</param>
    /// <param name="position">(), Int64, a bound tensor: 0 to L - <paramref name="count"/>, else the run fails.</param>
    /// <param name="count">Rows to take, 0 to L.</param>
    /// <param name="advance">Whether to add <paramref name="count"/> to the position afterwards.</param>
    /// <returns>(count, ...), of the table's data type; it has no gradient.</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public static Value Next(Value x, Value indices, Value position, long count, bool advance)
    {
        ArgumentNullException.ThrowIfNull(position);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Check(x, indices);
        var graph = x.Graph;
        graph.CheckDType(Title, "position", position, DType.Int64);
        graph.CheckShape(Title, "position", position, Shape.Scalar);
        BoundNode.Require(position, nameof(position));
        if (count > indices.Shape[0])
        {
            throw graph.Mismatch(
                Title, $"{count} indices or more", $"{indices.Shape[0]} indices",
                $"{count} rows are asked for, but indices are {indices.Shape}");
        }

        return graph.Add(new GatherNode(x, indices, position, count, advance, paddingIndex: -1)).Outputs[0];
    }

    private static void Check(Value x, Value indices)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(indices);
        var graph = x.Graph;
        if (x.Shape.Rank == 0)
            throw graph.Mismatch(Title, "rank 1 or more", "rank 0", "the table is one number, expected (M, ...)");
        graph.CheckDType(Title, "indices", indices, DType.Int32);
        graph.CheckRank(Title, "indices", indices, 1);
    }

    private static void CheckPadding(Graph graph, string title, int paddingIndex, Shape table)
    {
        if (paddingIndex < -1 || paddingIndex >= table[0])
        {
            throw graph.Mismatch(
                title, $"a row from 0 to {table[0] - 1}, or -1", $"row {paddingIndex}",
                $"the padding index {paddingIndex} is no row of the table {table}");
        }
    }
}

/// <summary>Inputs x, indices, [position]; output y.</summary>
internal sealed class GatherNode : Node
{
    private static readonly int[] _updated = [2];

    public GatherNode(Value x, Value indices, Value? position, long count, bool advance, int paddingIndex)
        : base(x.Graph, position is null ? [x, indices] : [x, indices, position])
    {
        Advance = advance;
        PaddingIndex = paddingIndex;
        AddOutput(x.DType, x.Shape.With(0, count));
    }

    public bool Advance { get; }

    public int PaddingIndex { get; }

    public override string OperatorName => "Gather";

    public override object? Attributes => (Advance, Outputs[0].Shape, PaddingIndex);

    public override ReadOnlySpan<int> UpdatedInputs => Advance ? _updated : [];

    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[Inputs.Count];
        if (context.GradOutput(0) is not { } gradOutput) return gradients;
        if (Inputs.Count > 2) throw NoDerivative("by a table that is read at a position");
        if (Outputs[0].DType != DType.Float32) throw NoDerivative($"by a table of {Outputs[0].DType}");
        gradients[0] = Gather.ScatterAddRows(gradOutput, Inputs[1]!, Inputs[0]!.Shape[0], PaddingIndex);
        return gradients;
    }

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new GatherAttributes { Direction = Direction.Forward, Mode = GatherMode.Rows, PaddingIndex = PaddingIndex };
        writer.Add(this, OperatorKind.Gather, attributes);
    }
}

/// <summary>Inputs source, indices; output the sums by row.</summary>
internal sealed class GatherRowsBackwardNode : Node
{
    public GatherRowsBackwardNode(Value source, Value indices, Shape shape, int paddingIndex)
        : base(source.Graph, source, indices)
    {
        PaddingIndex = paddingIndex;
        AddOutput(DType.Float32, shape);
    }

    public int PaddingIndex { get; }

    public override string OperatorName => "ScatterAdd";

    public override object? Attributes => (Outputs[0].Shape, PaddingIndex);

    // What was left out of the sums gets nothing back.
    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradOutput) return [null, null];
        var indices = Inputs[1]!;
        var gradient = Gather.Rows(gradOutput, indices, PaddingIndex);
        if (PaddingIndex < 0) return [gradient, null];
        Span<long> column = stackalloc long[gradient.Shape.Rank];
        column.Fill(1);
        column[0] = indices.Shape[0];
        var counts = Pointwise.NotEqual(Reshape.To(indices, new Shape(column)), Graph.Constant(PaddingIndex));
        return [gradient * counts, null];
    }

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new GatherAttributes { Direction = Direction.BackwardData, Mode = GatherMode.Rows, PaddingIndex = PaddingIndex };
        writer.Add(this, OperatorKind.Gather, attributes);
    }
}

/// <summary>Inputs x, indices; output y.</summary>
internal sealed class GatherAlongNode : Node
{
    public GatherAlongNode(Value x, Value indices, int axis)
        : base(x.Graph, x, indices)
    {
        Axis = axis;
        AddOutput(x.DType, indices.Shape);
    }

    public int Axis { get; }

    public override string OperatorName => "Gather";

    public override object? Attributes => Axis;

    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradOutput) return [null, null];
        if (Outputs[0].DType != DType.Float32) throw NoDerivative($"by a {Outputs[0].DType} input");
        return [Gather.ScatterAddAlong(gradOutput, Inputs[1]!, Axis, Inputs[0]!.Shape[Axis]), null];
    }

    public override void Emit(ProgramWriter writer) => Emit(writer, this, Direction.Forward, Axis);

    public static void Emit(ProgramWriter writer, Node node, Direction direction, int axis)
    {
        var attributes = new GatherAttributes { Direction = direction, Mode = GatherMode.Along, Axis = axis, PaddingIndex = -1 };
        writer.Add(node, OperatorKind.Gather, attributes);
    }
}

/// <summary>Inputs source, indices; output the sums along the axis.</summary>
internal sealed class GatherAlongBackwardNode : Node
{
    public GatherAlongBackwardNode(Value source, Value indices, int axis, Shape shape)
        : base(source.Graph, source, indices)
    {
        Axis = axis;
        AddOutput(DType.Float32, shape);
    }

    public int Axis { get; }

    public override string OperatorName => "ScatterAdd";

    public override object? Attributes => (Axis, Outputs[0].Shape);

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradOutput ? Gather.Along(gradOutput, Inputs[1]!, Axis) : null, null];

    public override void Emit(ProgramWriter writer) => GatherAlongNode.Emit(writer, this, Direction.BackwardData, Axis);
}
