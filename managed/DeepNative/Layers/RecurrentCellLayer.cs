using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// What <see cref="RnnCell"/>, <see cref="LstmCell"/> and <see cref="GruCell"/> have in common: a single step, made of
/// ordinary operators, so that it can be differentiated any number of times.
/// </summary>
/// <remarks>
/// Parameters as PyTorch's: "weight_ih" (G*H, I), "weight_hh" (G*H, H), "bias_ih" and "bias_hh" (G*H), for G gates; first
/// values uniform in +-1/sqrt(H).
/// </remarks>
public abstract class RecurrentCellLayer : Layer
{
    private readonly int _gates;
    private readonly Parameter _inputWeight;
    private readonly Parameter _hiddenWeight;
    private readonly Parameter? _inputBias;
    private readonly Parameter? _hiddenBias;

    private protected RecurrentCellLayer(RecurrentCell cell, int inputSize, int hiddenSize, bool bias)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(hiddenSize, 1);
        InputSize = inputSize;
        HiddenSize = hiddenSize;
        _gates = Recurrent.GateCount(cell);
        var (width, initializer) = (_gates * hiddenSize, Initializer.UniformForFanIn(hiddenSize));
        _inputWeight = AddParameter("weight_ih", new Shape(width, inputSize), initializer);
        _hiddenWeight = AddParameter("weight_hh", new Shape(width, hiddenSize), initializer);
        if (!bias) return;
        _inputBias = AddParameter("bias_ih", new Shape(width), initializer);
        _hiddenBias = AddParameter("bias_hh", new Shape(width), initializer);
    }

    /// <summary>Size of the input's last axis, I.</summary>
    public int InputSize { get; }

    /// <summary>Units, H.</summary>
    public int HiddenSize { get; }

    /// <inheritdoc/>
    protected internal override long MultiplyAdds(Shape input, Shape output) =>
        input.Count / InputSize * _gates * HiddenSize * (InputSize + HiddenSize);

    // Refuses an input or a state that does not fit.
    private protected void Check(Value input, params ReadOnlySpan<(string Name, Value? Value)> states)
    {
        if (input.Shape.Rank != 2 || input.Shape[1] != InputSize) throw Mismatch(input.Shape, $"(N, {InputSize})");
        foreach (var (name, value) in states)
            if (value is not null) input.Graph.CheckShape(Kind, name, value, new Shape(input.Shape[0], HiddenSize));
    }

    // The input's part of each gate, (N, H).
    private protected Value[] InputGates(Value input) => Slice.Chunk(Linear(input, _inputWeight, _inputBias), _gates, 1);

    // The hidden state's part of each gate: (N, H), or what broadcasts to it where the state is zero.
    private protected Value[] HiddenGates(Graph graph, Value? hidden)
    {
        if (hidden is not null) return Slice.Chunk(Linear(hidden, _hiddenWeight, _hiddenBias), _gates, 1);
        if (_hiddenBias is not null) return Slice.Chunk(graph.Parameter(_hiddenBias), _gates, 0);
        var zeros = new Value[_gates];
        Array.Fill(zeros, graph.Constant(0f));
        return zeros;
    }

    private static Value Linear(Value x, Parameter weight, Parameter? bias) => MatMul.Multiply(
        x, x.Graph.Parameter(weight), transposeB: true, bias: bias is null ? null : x.Graph.Parameter(bias));
}
