using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>One step of an <see cref="Lstm"/>. Input (N, I), output (N, H): the hidden state.</summary>
/// <remarks><inheritdoc cref="RecurrentCellLayer" path="/remarks"/></remarks>
public sealed class LstmCell : RecurrentCellLayer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="inputSize">Size of the input's last axis, at least 1.</param>
    /// <param name="hiddenSize">Units, at least 1.</param>
    /// <param name="bias">Whether there are biases.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public LstmCell(int inputSize, int hiddenSize, bool bias = true)
        : base(RecurrentCell.Lstm, inputSize, hiddenSize, bias)
    {
    }

    /// <summary>The step.</summary>
    /// <param name="input">(N, I).</param>
    /// <param name="hidden">(N, H), h; null: zeros.</param>
    /// <param name="cell">(N, H), c; null: zeros.</param>
    /// <returns>Both (N, H): h' and c'.</returns>
    /// <exception cref="ShapeException">A shape does not fit.</exception>
    public (Value Hidden, Value Cell) Forward(Value input, Value? hidden, Value? cell) =>
        Scoped(input, () => Step(input, hidden, cell), states => states.Hidden);

    /// <inheritdoc/>
    protected override Value Build(Value input) => Step(input, null, null).Hidden;

    private (Value Hidden, Value Cell) Step(Value input, Value? hidden, Value? cell)
    {
        Check(input, ("hidden state", hidden), ("cell state", cell));
        var (x, h) = (InputGates(input), HiddenGates(input.Graph, hidden));
        var next = Pointwise.Sigmoid(x[0] + h[0]) * Pointwise.Tanh(x[2] + h[2]);
        if (cell is not null) next = Pointwise.Sigmoid(x[1] + h[1]) * cell + next;
        return (Pointwise.Sigmoid(x[3] + h[3]) * Pointwise.Tanh(next), next);
    }
}
