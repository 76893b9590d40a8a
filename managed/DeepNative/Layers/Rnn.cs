using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A simple recurrent network (Elman: "Finding structure in time", 1990): h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or
/// relu in tanh's place.
/// Input (N, T, I), output (N, T, D*H), H units in D directions.
/// </summary>
/// <remarks><inheritdoc cref="RecurrentLayer" path="/remarks"/></remarks>
public sealed class Rnn : RecurrentLayer
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
    /// <param name="nonlinearity"><see cref="RecurrentCell.Tanh"/> or <see cref="RecurrentCell.ReLU"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1 or a probability outside its range.</exception>
    /// <exception cref="ArgumentException">The nonlinearity is a cell with gates.</exception>
    public Rnn(
        int inputSize, int hiddenSize, int layers = 1, bool bidirectional = false, float dropout = 0f, bool bias = true,
        bool batchFirst = true, bool returnSequences = true, RecurrentCell nonlinearity = RecurrentCell.Tanh)
        : base(Check(nonlinearity), inputSize, hiddenSize, layers, bidirectional, dropout, bias, batchFirst, returnSequences)
    {
    }

    internal static RecurrentCell Check(RecurrentCell nonlinearity) => nonlinearity is RecurrentCell.Tanh or RecurrentCell.ReLU
        ? nonlinearity
        : throw new ArgumentException($"{nonlinearity} is a layer of its own; expected Tanh or ReLU.", nameof(nonlinearity));
}
