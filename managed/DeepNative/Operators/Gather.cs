using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Rows of a table, chosen by indices that lie on the device: embeddings, batches of a data set.</summary>
/// <remarks>An index outside the table makes the run fail and is named. There is no gradient yet.</remarks>
public static class Gather
{
    private const string Title = "Gather";

    /// <summary>y[i] = x[indices[i]].</summary>
    /// <param name="x">The table: (M, ...), any data type.</param>
    /// <param name="indices">(N), Int32, each 0 to M - 1.</param>
    /// <returns>(N, ...), of the table's data type.</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public static Value Rows(Value x, Value indices)
    {
        Check(x, indices);
        return x.Graph.Add(new GatherNode(x, indices, null, indices.Shape[0], advance: false)).Outputs[0];
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
    /// <returns>(count, ...), of the table's data type.</returns>
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

        return graph.Add(new GatherNode(x, indices, position, count, advance)).Outputs[0];
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
}

/// <summary>Inputs x, indices, [position]; output y.</summary>
internal sealed class GatherNode : Node
{
    private static readonly int[] _updated = [2];

    public GatherNode(Value x, Value indices, Value? position, long count, bool advance)
        : base(x.Graph, position is null ? [x, indices] : [x, indices, position])
    {
        Advance = advance;
        AddOutput(x.DType, x.Shape.With(0, count));
    }

    public bool Advance { get; }

    public override string OperatorName => "Gather";

    public override object? Attributes => Advance;

    public override ReadOnlySpan<int> UpdatedInputs => Advance ? _updated : [];

    public override Value?[] Derivative(DerivativeContext context) => throw NoDerivative("by the table");

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new GatherAttributes { Direction = Direction.Forward, Mode = GatherMode.Rows, PaddingIndex = -1 };
        writer.Add(this, OperatorKind.Gather, attributes);
    }
}
