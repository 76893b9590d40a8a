using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Gated recurrent units (Cho et al.: "Learning phrase representations using RNN encoder-decoder", 2014):
/// r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise; n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 - z) n + z h.
/// Input (N, T, I), output (N, T, D*H), H units in D directions.
/// </summary>
/// <remarks><inheritdoc cref="RecurrentLayer" path="/remarks"/></remarks>
public sealed class Gru : RecurrentLayer
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
    public Gru(
        int inputSize, int hiddenSize, int layers = 1, bool bidirectional = false, float dropout = 0f, bool bias = true,
        bool batchFirst = true, bool returnSequences = true)
        : base(RecurrentCell.Gru, inputSize, hiddenSize, layers, bidirectional, dropout, bias, batchFirst, returnSequences)
    {
    }
}
