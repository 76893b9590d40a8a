namespace DeepNative.Operators;

/// <summary>Attention: means of values, weighed by how well their keys fit a query.</summary>
public static class Attention
{
    private const string Title = "Attention";

    // Far below all scores, and still a number: a row in which nothing is allowed has no NaN.
    private const float Forbidden = -1e30f;

    /// <summary>
    /// softmax(query key^T * scale + mask) value (Vaswani et al.: "Attention is all you need", 2017). A query
    /// that may attend to nothing gets zeros.
    /// </summary>
    /// <param name="query">(..., L, E), float32; for several heads (N, heads, L, E).</param>
    /// <param name="key">(..., S, E), float32.</param>
    /// <param name="value">(..., S, V), float32.</param>
    /// <param name="mask">
    /// Broadcasts to (..., L, S). Float32: added to the scaled scores. UInt8: 1 where a query may attend to a
    /// key, 0 where it may not. Null: none.
    /// </param>
    /// <param name="causal">Whether query i may only attend to the keys 0 to i.</param>
    /// <param name="scale">The factor of the scores; null: 1 / sqrt(E).</param>
    /// <returns>(..., L, V).</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public static Value ScaledDotProduct(Value query, Value key, Value value, Value? mask = null, bool causal = false, float? scale = null) =>
        ScaledDotProduct(query, key, value, mask, allowed: null, causal, scale, weights => weights);

    /// <summary>
    /// The same with a second mask, float32 numbers 0 and 1, and a function of the weights between softmax
    /// and sum, such as dropout.
    /// </summary>
    internal static Value ScaledDotProduct(
        Value query, Value key, Value value, Value? mask, Value? allowed, bool causal, float? scale, Func<Value, Value> drop)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        var graph = query.Graph;
        CheckSequence("query", query);
        CheckSequence("key", key);
        CheckSequence("value", value);
        var (features, queries) = (Last(query, 1), Last(query, 2));
        var keys = Last(key, 2);
        if (features != Last(key, 1))
        {
            throw graph.Mismatch(
                Title, $"keys of {features} features", $"{Last(key, 1)} features", $"query is {query.Shape} and key is {key.Shape}: their last axes differ");
        }

        if (keys != Last(value, 2))
        {
            throw graph.Mismatch(
                Title, $"{keys} values", $"{Last(value, 2)} values", $"key is {key.Shape} and value is {value.Shape}: they have different counts");
        }

        var scores = MatMul.Multiply(query, key, transposeB: true) * (scale ?? 1f / MathF.Sqrt(Math.Max(features, 1)));
        if (causal) Allow(LowerTriangle(graph, queries, keys));
        if (mask is not null)
        {
            if (!Shape.TryBroadcast(mask.Shape, scores.Shape, out var common) || common != scores.Shape)
                throw graph.Mismatch(Title, $"a mask that broadcasts to {scores.Shape}", mask.Shape.ToString(), $"mask is {mask.Shape}, which does not broadcast to {scores.Shape}");
            if (mask.DType == DType.UInt8)
            {
                Allow(Pointwise.NotEqual(mask, graph.Constant(0f)));
            }
            else
            {
                graph.CheckDType(Title, "mask", mask, DType.Float32);
                scores += mask;
            }
        }

        if (allowed is not null) scores = Pointwise.Select(allowed, scores, graph.Constant(Forbidden));
        var weights = Softmax.Apply(scores, scores.Shape.Rank - 1);
        if (allowed is not null) weights *= allowed;
        return MatMul.Multiply(drop(weights), value);

        void Allow(Value condition) => allowed = allowed is null ? condition : allowed * condition;

        static long Last(Value sequence, int fromEnd) => sequence.Shape[sequence.Shape.Rank - fromEnd];

        void CheckSequence(string operand, Value sequence)
        {
            graph.CheckDType(Title, operand, sequence, DType.Float32);
            if (sequence.Shape.Rank < 2)
            {
                throw graph.Mismatch(
                    Title, "rank 2 or more", $"rank {sequence.Shape.Rank}", $"{operand} has rank {sequence.Shape.Rank}, expected 2 or more; {operand} is {sequence.Shape}");
            }
        }
    }

    /// <summary>1 where position s lies before a sample's length, else 0.</summary>
    /// <param name="lengths">(N), Int32.</param>
    /// <param name="count">S, the number of positions.</param>
    /// <returns>(N, S), float32.</returns>
    internal static Value BeforeLength(Value lengths, long count)
    {
        var graph = lengths.Graph;
        var positions = Reduce.Sum(LowerTriangle(graph, count, count), [1]) - 1f;
        return Pointwise.Less(Reshape.To(positions, new Shape(1, count)), Reshape.To(lengths, new Shape(lengths.Shape[0], 1)));
    }

    /// <summary>1 at and below the diagonal of a matrix, 0 above it.</summary>
    internal static Value LowerTriangle(Graph graph, long rows, long columns)
    {
        // Rows of one pattern, each begun one element later: repeated with a period that is longer than a row.
        if (rows == 0 || columns == 0) return Pointwise.Fill(graph, 1f, new Shape(rows, columns));
        var period = rows + columns;
        var pattern = Pad.Constant(Pointwise.Fill(graph, 0f, new Shape(columns)), [1], [rows - 1], 1f);
        var repeated = Reshape.To(Pointwise.Expand(pattern, new Shape(rows, period)), new Shape(rows * period));
        var shifted = Reshape.To(Slice.Narrow(repeated, 0, 0, rows * (period - 1)), new Shape(rows, period - 1));
        return Slice.Narrow(shifted, 1, 0, columns);
    }
}
