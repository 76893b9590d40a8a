using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>One step of an <see cref="Rnn"/>: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu in tanh's place. Input (N, I), output (N, H).</summary>
/// <remarks><inheritdoc cref="RecurrentCellLayer" path="/remarks"/></remarks>
public sealed class RnnCell : RecurrentCellLayer
{
    private readonly RecurrentCell _nonlinearity;

    /// <summary>Creates the layer.</summary>
    /// <param name="inputSize">Size of the input's last axis, at least 1.</param>
    /// <param name="hiddenSize">Units, at least 1.</param>
    /// <param name="bias">Whether there are biases.</param>
    /// <param name="nonlinearity"><see cref="RecurrentCell.Tanh"/> or <see cref="RecurrentCell.ReLU"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    /// <exception cref="ArgumentException">The nonlinearity is a cell with gates.</exception>
    public RnnCell(int inputSize, int hiddenSize, bool bias = true, RecurrentCell nonlinearity = RecurrentCell.Tanh)
        : base(Rnn.Check(nonlinearity), inputSize, hiddenSize, bias) => _nonlinearity = nonlinearity;

    /// <summary>The step.</summary>
    /// <param name="input">(N, I).</param>
    /// <param name="hidden">(N, H), h; null: zeros.</param>
    /// <returns>(N, H), h'.</returns>
    /// <exception cref="ShapeException">A shape does not fit.</exception>
    public Value Forward(Value input, Value? hidden) => Scoped(input, () => Step(input, hidden));

    /// <inheritdoc/>
    protected override Value Build(Value input) => Step(input, null);

    private Value Step(Value input, Value? hidden)
    {
        Check(input, ("hidden state", hidden));
        var sum = InputGates(input)[0] + HiddenGates(input.Graph, hidden)[0];
        return _nonlinearity == RecurrentCell.ReLU ? Activations.Relu(sum) : Pointwise.Tanh(sum);
    }
}
