namespace DeepNative.Operators;

/// <summary>Indices as vectors of zeros with a single 1, and lists of whole numbers.</summary>
public static class OneHot
{
    /// <summary>y[.., c] = 1 where c is the index, else 0. An index outside its range makes the run fail and is named.</summary>
    /// <param name="indices">Any shape of up to seven axes, Int32, each 0 to <paramref name="classes"/> - 1.</param>
    /// <param name="classes">The number of classes, at least 1.</param>
    /// <returns>(..., classes), float32; it has no gradient.</returns>
    /// <exception cref="ShapeException">The indices are not Int32, or have too many axes.</exception>
    public static Value Encode(Value indices, int classes)
    {
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        var graph = indices.Graph;
        graph.CheckDType(nameof(OneHot), "indices", indices, DType.Int32);
        if (indices.Shape.Rank == Shape.MaxRank)
        {
            throw graph.Mismatch(
                nameof(OneHot), $"rank {Shape.MaxRank - 1} or less", $"rank {Shape.MaxRank}",
                $"indices have rank {Shape.MaxRank}, and the result one axis more; indices are {indices.Shape}");
        }

        var column = Reshape.To(indices, indices.Shape.Concat([1]));
        return Gather.ScatterAddAlong(Pointwise.Equal(column, column), column, indices.Shape.Rank, classes);
    }

    /// <summary>0, 1, 2, ..., count - 1.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="count">How many numbers, 1 to 2^24, up to which float32 holds each exactly.</param>
    /// <returns>(count), float32; <see cref="Pointwise.Cast"/> makes indices of them.</returns>
    public static Value Range(Graph graph, int count)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 1 << 24);

        // A 1 and zeros, of which the sums are ones, and theirs the numbers.
        var first = Encode(Pointwise.Cast(graph.Constant(0f), DType.Int32), count);
        return CumulativeSum.Apply(CumulativeSum.Apply(first, 0), 0, exclusive: true);
    }
}
