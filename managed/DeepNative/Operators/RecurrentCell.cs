namespace DeepNative.Operators;

/// <summary>What a recurrent layer does in a step; h is its hidden state, W and b its recurrent weight and bias.</summary>
public enum RecurrentCell
{
    /// <summary>h' = tanh(gates + W h + b). One gate.</summary>
    Tanh = 1,

    /// <summary>h' = max(gates + W h + b, 0). One gate.</summary>
    ReLU = 2,

    /// <summary>
    /// Long short-term memory (Hochreiter, Schmidhuber 1997; with the forget gate of Gers et al. 2000). Four gates
    /// i, f, g, o: c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c').
    /// </summary>
    Lstm = 3,

    /// <summary>
    /// Gated recurrent unit (Cho et al. 2014), with the reset gate behind the product. Three gates r, z, n:
    /// n = tanh(gates_n + sigmoid(r) (W_n h + b_n)), h' = (1 - sigmoid(z)) n + sigmoid(z) h.
    /// </summary>
    Gru = 4,
}
