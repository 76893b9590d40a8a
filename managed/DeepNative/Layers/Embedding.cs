using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A vector for each of a fixed set of things: input (N, ...) of Int32, output (N, ..., D), where each index is
/// replaced by its row of the table.
/// </summary>
/// <remarks>
/// Parameter: "weight" (num_embeddings, embedding_dim), first values normal(0, 1) unless said otherwise. An index
/// outside the table makes the run fail and is named. The padding row starts at zero and gets no gradient.
/// </remarks>
public sealed class Embedding : Layer
{
    private readonly Parameter _weight;
    private readonly int _paddingIndex;

    /// <summary>Creates the layer.</summary>
    /// <param name="embeddings">Rows of the table, at least 1.</param>
    /// <param name="dimension">Numbers of each row, D, at least 1.</param>
    /// <param name="paddingIndex">The row that stands for nothing; null: none.</param>
    /// <param name="weightInitializer">First values of the other rows; null: normal(0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or there is no such row.</exception>
    public Embedding(int embeddings, int dimension, int? paddingIndex = null, Initializer? weightInitializer = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(embeddings, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        _paddingIndex = CheckPadding(paddingIndex, embeddings);
        _weight = AddParameter("weight", [embeddings, dimension], FirstValues(_paddingIndex, weightInitializer));
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank == Shape.MaxRank) throw Mismatch(input.Shape, "(N, ...) of up to seven axes");
        var rows = Gather.Rows(input.Graph.Parameter(_weight), Reshape.Flatten(input, 0), _paddingIndex);
        return Reshape.To(rows, input.Shape.Concat([_weight.Shape[1]]));
    }

    internal static int CheckPadding(int? paddingIndex, int embeddings)
    {
        if (paddingIndex is not { } row) return -1;
        ArgumentOutOfRangeException.ThrowIfNegative(row, nameof(paddingIndex));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, embeddings, nameof(paddingIndex));
        return row;
    }

    internal static Initializer FirstValues(int paddingIndex, Initializer? rows)
    {
        rows ??= Initializer.Normal(0f, 1f);
        return paddingIndex < 0 ? rows : new PaddedInitializer(rows, paddingIndex);
    }

    // Another's values, with zeros in one row.
    private sealed class PaddedInitializer(Initializer rows, int paddingIndex) : Initializer
    {
        public override void Fill(Span<float> values, Shape shape, Philox random)
        {
            rows.Fill(values, shape, random);
            var width = checked((int)shape[1]);
            values.Slice(paddingIndex * width, width).Clear();
        }
    }
}
