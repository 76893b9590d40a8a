using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Long short-term memory (Hochreiter, Schmidhuber 1997; with the forget gate of Gers et al. 2000):
/// (i, f, g, o) = W_ih x + b_ih + W_hh h + b_hh; c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c').
/// Input (N, T, I), output (N, T, D*H), H units in D directions.
/// </summary>
/// <remarks><inheritdoc cref="RecurrentLayer" path="/remarks"/></remarks>
public sealed class Lstm : RecurrentLayer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="inputSize">Size of the input's last axis, at least 1.</param>
    /// <param name="hiddenSize">Units of each layer and direction, at least 1.</param>
    /// <param name="layers">Layers on top of each other, at least 1.</param>
    /// <param name="bidirectional">Whether each layer also runs from the last step to the first, D = 2.</param>
    /// <param name="dropout">Probability with which an output of all layers but the last becomes 0 in training, see <see cref="Dropout"/>.</param>
    /// <param name="bias">Whether there are biases.</param>
    /// <param name="batchFirst">Whether input and output are (N, T, ...) rather than (T, N, ...).</param>
    /// <param name="returnSequences">
    /// Whether the layer, used with one input as in <see cref="Sequential"/>, gives the output of every step; else only what each
    /// direction knows at its end, (N, D*H).
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1 or a probability outside its range.</exception>
    public Lstm(
        int inputSize, int hiddenSize, int layers = 1, bool bidirectional = false, float dropout = 0f, bool bias = true,
        bool batchFirst = true, bool returnSequences = true)
        : base(RecurrentCell.Lstm, inputSize, hiddenSize, layers, bidirectional, dropout, bias, batchFirst, returnSequences)
    {
    }

    /// <summary>The layer from given hidden and cell states.</summary>
    /// <param name="input">(N, T, I), or (T, N, I) without <c>batchFirst</c>.</param>
    /// <param name="lengths">(N), Int32: the steps of each sequence, 1 to T in any order, else the run fails; null: all have T.</param>
    /// <param name="hidden">(layers * D, N, H): the first hidden states; null: zeros.</param>
    /// <param name="cell">(layers * D, N, H): the first cell states; null: zeros.</param>
    /// <returns>Output (N, T, D*H) or (T, N, D*H); Hidden and Cell (layers * D, N, H).</returns>
    /// <exception cref="ShapeException">A shape or data type does not fit.</exception>
    public RecurrentResult Forward(Value input, Value? lengths, Value? hidden, Value? cell) =>
        Scoped(input, () => Run(input, lengths, hidden, cell), result => result.Output);
}
