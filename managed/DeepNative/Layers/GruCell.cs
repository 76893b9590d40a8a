using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>One step of a <see cref="Gru"/>. Input (N, I), output (N, H).</summary>
/// <remarks><inheritdoc cref="RecurrentCellLayer" path="/remarks"/></remarks>
public sealed class GruCell : RecurrentCellLayer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="inputSize">Size of the input's last axis, at least 1.</param>
    /// <param name="hiddenSize">Units, at least 1.</param>
    /// <param name="bias">Whether there are biases.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public GruCell(int inputSize, int hiddenSize, bool bias = true)
        : base(RecurrentCell.Gru, inputSize, hiddenSize, bias)
    {
    }

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
        var (x, h) = (InputGates(input), HiddenGates(input.Graph, hidden));
        var (reset, update) = (Pointwise.Sigmoid(x[0] + h[0]), Pointwise.Sigmoid(x[1] + h[1]));
        var candidate = Pointwise.Tanh(x[2] + reset * h[2]);
        return hidden is null ? (1f - update) * candidate : candidate + update * (hidden - candidate);
    }
}
