using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Attention of several heads, each over its own projection of queries, keys and values (Vaswani et al.:
/// "Attention is all you need", 2017). Input (N, L, features), output (N, L, features).
/// </summary>
/// <remarks>
/// With one input the layer attends to itself. Keys and values from elsewhere (the memory of an encoder), a
/// mask or lengths go to the overloads of Forward. Parameters: "in_proj_weight" (3 * features, features),
/// Glorot uniform, and "in_proj_bias" (3 * features), zeros: queries, keys and values; "out_proj.weight"
/// (features, features) and "out_proj.bias" (features), zeros. Names and shapes are PyTorch's.
/// </remarks>
public sealed class MultiHeadAttention : Layer
{
    private readonly Parameter _weight;
    private readonly Parameter? _bias;
    private readonly Linear _output;
    private readonly Dropout? _dropout;
    private readonly bool _causal;

    /// <summary>Creates the layer.</summary>
    /// <param name="features">Size of the last axis of all inputs and of the output, at least 1.</param>
    /// <param name="heads">How many, at least 1; divides the features.</param>
    /// <param name="bias">Whether the four projections have biases.</param>
    /// <param name="dropout">Probability with which an attention weight is dropped in training, at least 0 and below 1.</param>
    /// <param name="causal">Whether position i may only attend to the positions 0 to i.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    /// <exception cref="ArgumentException">The heads do not divide the features.</exception>
    public MultiHeadAttention(int features, int heads, bool bias = true, float dropout = 0f, bool causal = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(heads, 1);
        if (features % heads != 0) throw new ArgumentException($"{heads} heads do not divide {features} features.", nameof(heads));
        if (!(dropout >= 0f && dropout < 1f))
            throw new ArgumentOutOfRangeException(nameof(dropout), dropout, "must be at least 0 and below 1");
        Features = features;
        Heads = heads;
        _causal = causal;
        _weight = AddParameter("in_proj_weight", new Shape(3 * features, features), Initializer.GlorotUniform);
        if (bias) _bias = AddParameter("in_proj_bias", new Shape(3 * features), Initializer.Zeros);
        _output = AddChild("out_proj", new Linear(features, features, bias, biasInitializer: Initializer.Zeros));
        if (dropout > 0f) _dropout = AddChild("dropout", new Dropout(dropout));
    }

    /// <summary>Size of the last axis of all inputs and of the output.</summary>
    public int Features { get; }

    /// <summary>The number of heads.</summary>
    public int Heads { get; }

    /// <summary>Adds the layer to a graph, with a memory that it attends to.</summary>
    /// <param name="query">(N, L, features), float32.</param>
    /// <param name="memory">(N, S, features), float32: keys and values.</param>
    /// <returns>(N, L, features).</returns>
    /// <exception cref="ShapeException">An input does not fit; the text names layer, found and expected.</exception>
    public Value Forward(Value query, Value memory) => Forward(query, memory, memory);

    /// <summary>
    /// Adds the layer to a graph, with keys and values of their own, a mask and lengths; the same value three
    /// times is self-attention.
    /// </summary>
    /// <param name="query">(N, L, features), float32.</param>
    /// <param name="key">(N, S, features), float32.</param>
    /// <param name="value">(N, S, features), float32.</param>
    /// <param name="mask">
    /// Broadcasts to (N, heads, L, S). Float32: added to the scores. UInt8: 1 where a query may attend to a
    /// key, 0 where it may not. Null: none.
    /// </param>
    /// <param name="lengths">(N), Int32: how many keys of each sample count; null: all.</param>
    /// <returns>(N, L, features).</returns>
    /// <exception cref="ShapeException">An input does not fit; the text names layer, found and expected.</exception>
    public Value Forward(Value query, Value key, Value value, Value? mask = null, Value? lengths = null)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        return Scoped(query, () => Attend(query, key, value, mask, lengths));
    }

    /// <inheritdoc/>
    protected internal override long MultiplyAdds(Shape input, Shape output) =>
        input.Rank == 3 ? 3 * input.Count * Features + 2 * input.Count * input[1] : 0;

    /// <inheritdoc/>
    protected override Value Build(Value input) => Attend(input, input, input, null, null);

    private Value Attend(Value query, Value key, Value value, Value? mask, Value? lengths)
    {
        var batch = query.Shape.Rank > 0 ? query.Shape[0] : 0;
        CheckSequence(query, batch);
        CheckSequence(key, batch);
        CheckSequence(value, batch);
        var (q, k, v) = ReferenceEquals(query, key) && ReferenceEquals(key, value) ? ProjectOne(query) : ProjectEach(query, key, value);
        var inside = lengths is null ? null : Inside(lengths, batch, key.Shape[1]);
        var heads = Attention.ScaledDotProduct(q, k, v, mask, inside, _causal, null, weights => _dropout?.Forward(weights) ?? weights);
        return _output.Forward(Reshape.To(Transpose.Swap(heads, 1, 2), query.Shape));
    }

    // One product for all three: (N, L, 3, heads, depth) becomes three of (N, heads, L, depth).
    private (Value Query, Value Key, Value Value) ProjectOne(Value input)
    {
        var graph = input.Graph;
        var all = MatMul.Multiply(input, graph.Parameter(_weight), transposeB: true, bias: _bias is null ? null : graph.Parameter(_bias));
        all = Transpose.Permute(Reshape.Unflatten(all, 2, new Shape(3, Heads, Features / Heads)), 2, 0, 3, 1, 4);
        var parts = Slice.Chunk(all, 3, 0);
        return (Reshape.Squeeze(parts[0], 0), Reshape.Squeeze(parts[1], 0), Reshape.Squeeze(parts[2], 0));
    }

    private (Value Query, Value Key, Value Value) ProjectEach(Value query, Value key, Value value)
    {
        var graph = query.Graph;
        var weights = Slice.Chunk(graph.Parameter(_weight), 3, 0);
        var biases = _bias is null ? new Value?[3] : Slice.Chunk(graph.Parameter(_bias), 3, 0);
        return (Project(query, 0), Project(key, 1), Project(value, 2));

        Value Project(Value input, int which)
        {
            var projected = MatMul.Multiply(input, weights[which], transposeB: true, bias: biases[which]);
            return Transpose.Swap(Reshape.Unflatten(projected, 2, new Shape(Heads, Features / Heads)), 1, 2);
        }
    }

    private Value Inside(Value lengths, long batch, long keys)
    {
        var graph = lengths.Graph;
        graph.CheckDType(Kind, "lengths", lengths, DType.Int32);
        graph.CheckShape(Kind, "lengths", lengths, new Shape(batch));
        return Reshape.To(Attention.BeforeLength(lengths, keys), new Shape(batch, 1, 1, keys));
    }

    private void CheckSequence(Value value, long batch)
    {
        if (value.Shape.Rank != 3 || value.Shape[0] != batch || value.Shape[2] != Features)
            throw Mismatch(value.Shape, batch > 0 ? $"({batch}, L, {Features})" : $"(N, L, {Features})");
    }
}
