using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>How <see cref="EmbeddingBag"/> makes one vector of many.</summary>
public enum BagMode
{
    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>Their mean; of nothing but padding: zeros.</summary>
    Mean,
}

/// <summary>
/// The sum or mean of the vectors of each bag: input (N, L) of Int32, output (N, D). Entries of the padding index
/// count nothing, so bags of any length stand in one input.
/// </summary>
/// <remarks>
/// Parameter: "weight" (num_embeddings, embedding_dim), first values normal(0, 1) unless said otherwise. An index
/// outside the table makes the run fail and is named. The padding row starts at zero and gets no gradient.
/// </remarks>
public sealed class EmbeddingBag : Layer
{
    private readonly Parameter _weight;
    private readonly int _paddingIndex;
    private readonly BagMode _mode;

    /// <summary>Creates the layer.</summary>
    /// <param name="embeddings">Rows of the table, at least 1.</param>
    /// <param name="dimension">Numbers of each row, D, at least 1.</param>
    /// <param name="mode">Sum or mean.</param>
    /// <param name="paddingIndex">The row that counts nothing; null: none, all bags are full.</param>
    /// <param name="weightInitializer">First values of the other rows; null: normal(0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1, or there is no such row or mode.</exception>
    public EmbeddingBag(int embeddings, int dimension, BagMode mode = BagMode.Mean, int? paddingIndex = null, Initializer? weightInitializer = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(embeddings, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        if (!Enum.IsDefined(mode)) throw new ArgumentOutOfRangeException(nameof(mode), mode, "expected Sum or Mean.");
        _mode = mode;
        _paddingIndex = Embedding.CheckPadding(paddingIndex, embeddings);
        _weight = AddParameter("weight", [embeddings, dimension], Embedding.FirstValues(_paddingIndex, weightInitializer));
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 2 || input.Shape[1] == 0) throw Mismatch(input.Shape, "(N, L) with L of 1 or more");
        var graph = input.Graph;
        var rows = Gather.Rows(graph.Parameter(_weight), Reshape.Flatten(input, 0), _paddingIndex);
        var vectors = Reshape.To(rows, input.Shape.Concat([_weight.Shape[1]]));
        if (_paddingIndex < 0) return _mode == BagMode.Sum ? Reduce.Sum(vectors, [1]) : Reduce.Mean(vectors, [1]);
        var counts = Pointwise.NotEqual(Reshape.To(input, input.Shape.Concat([1])), graph.Constant(_paddingIndex));
        var sums = Reduce.Sum(vectors * counts, [1]);
        return _mode == BagMode.Sum ? sums : sums / Pointwise.Maximum(Reduce.Sum(counts, [1]), graph.Constant(1f));
    }
}
