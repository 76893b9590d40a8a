using System.Globalization;
using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// What <see cref="Rnn"/>, <see cref="Lstm"/> and <see cref="Gru"/> have in common: one or more layers of recurrent
/// units, one on top of the other, each in one or both directions.
/// </summary>
/// <remarks>
/// <para>
/// Parameters, named and shaped as PyTorch's so that weights interchange; for layer k, with D directions and G gates:
/// "weight_ih_lk" (G*H, I or D*H), "weight_hh_lk" (G*H, H), "bias_ih_lk" and "bias_hh_lk" (G*H); those of the reverse
/// direction end in "_reverse". First values uniform in +-1/sqrt(H).
/// </para>
/// <para>
/// Inside, steps come first: (T, N, ...). With <c>batchFirst</c> input and output are transposed, which costs one copy
/// of each. The states are (layers * D, N, H) either way: layer by layer, forward before reverse.
/// </para>
/// </remarks>
public abstract class RecurrentLayer : Layer
{
    private readonly RecurrentCell _cell;
    private readonly int _layers;
    private readonly int _directions;
    private readonly bool _batchFirst;
    private readonly bool _returnSequences;
    private readonly Direction[] _stack;
    private readonly Dropout?[] _dropouts;

    private protected RecurrentLayer(
        RecurrentCell cell, int inputSize, int hiddenSize, int layers, bool bidirectional, float dropout, bool bias, bool batchFirst,
        bool returnSequences)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(hiddenSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        _cell = cell;
        InputSize = inputSize;
        HiddenSize = hiddenSize;
        _layers = layers;
        _directions = bidirectional ? 2 : 1;
        _batchFirst = batchFirst;
        _returnSequences = returnSequences;
        _stack = new Direction[layers * _directions];
        for (var i = 0; i < _stack.Length; i++) _stack[i] = Declare(i / _directions, i % _directions == 1, bias);

        // One between every two layers; all are checked, even if there is none.
        _ = new Dropout(dropout);
        _dropouts = new Dropout?[layers];
        for (var i = 0; i + 1 < layers && dropout > 0f; i++)
            _dropouts[i] = AddChild(string.Create(CultureInfo.InvariantCulture, $"dropout_l{i}"), new Dropout(dropout));
    }

    /// <summary>Size of the input's last axis, I.</summary>
    public int InputSize { get; }

    /// <summary>Units of each layer and direction, H.</summary>
    public int HiddenSize { get; }

    private int GateWidth => Recurrent.GateCount(_cell) * HiddenSize;

    /// <summary>The layer with sequences of different lengths, or from given states.</summary>
    /// <param name="input">(N, T, I), or (T, N, I) without <c>batchFirst</c>.</param>
    /// <param name="lengths">
    /// (N), Int32: the steps of each sequence, 1 to T in any order, else the run fails; what lies behind is not looked at
    /// and the output there is 0. Null: all have T.
    /// </param>
    /// <param name="hidden">(layers * D, N, H): the first hidden states; null: zeros.</param>
    /// <returns>Output (N, T, D*H) or (T, N, D*H), the last layer's hidden states; Hidden (layers * D, N, H); Cell likewise, LSTM only.</returns>
    /// <exception cref="ShapeException">A shape or data type does not fit.</exception>
    public RecurrentResult Forward(Value input, Value? lengths, Value? hidden = null) =>
        Scoped(input, () => Run(input, lengths, hidden, null), result => result.Output);

    /// <inheritdoc/>
    protected internal override long MultiplyAdds(Shape input, Shape output)
    {
        var each = 0L;
        for (var layer = 0; layer < _layers; layer++)
            each += (long)_directions * GateWidth * (HiddenSize + InputsOf(layer));
        return input.Count / InputSize * each;
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var (output, hiddens, _) = RunLayers(input, null, null, null);
        return _returnSequences ? output : Concat.Along(1, hiddens.AsSpan(_stack.Length - _directions));
    }

    private protected RecurrentResult Run(Value input, Value? lengths, Value? hidden, Value? cell)
    {
        var (output, hiddens, cells) = RunLayers(input, lengths, hidden, cell);
        return new RecurrentResult(output, Concat.Stack(0, hiddens), _cell == RecurrentCell.Lstm ? Concat.Stack(0, cells) : null);
    }

    // The output, and the last states of each layer and direction.
    private (Value Output, Value[] Hiddens, Value[] Cells) RunLayers(Value input, Value? lengths, Value? hidden, Value? cell)
    {
        var shape = input.Shape;
        if (shape.Rank != 3 || shape[2] != InputSize || shape[_batchFirst ? 1 : 0] < 1)
            throw Mismatch(shape, _batchFirst ? $"(N, T, {InputSize}) with T at least 1" : $"(T, N, {InputSize}) with T at least 1");
        var graph = input.Graph;
        var x = _batchFirst ? Transpose.Swap(input, 0, 1) : input;
        var states = new Shape(_stack.Length, x.Shape[1], HiddenSize);
        if (hidden is not null) graph.CheckShape(Kind, "hidden state", hidden, states);
        if (cell is not null) graph.CheckShape(Kind, "cell state", cell, states);
        var (hiddens, cells) = (new Value[_stack.Length], new Value[_stack.Length]);
        for (var layer = 0; layer < _layers; layer++)
        {
            var outputs = new Value[_directions];
            for (var direction = 0; direction < _directions; direction++)
            {
                var i = layer * _directions + direction;
                var result = RunDirection(x, _stack[i], direction == 1, At(hidden, i), At(cell, i), lengths);
                (outputs[direction], hiddens[i]) = (result.Output, result.Hidden);
                if (result.Cell is not null) cells[i] = result.Cell;
            }

            x = Concat.Along(2, outputs);
            if (_dropouts[layer] is { } dropout) x = dropout.Forward(x);
        }

        return (_batchFirst ? Transpose.Swap(x, 0, 1) : x, hiddens, cells);

        static Value? At(Value? states, int index) => states is null ? null : Slice.Select(states, 0, index);
    }

    // The input's part of the gates is one product over all steps and samples.
    private RecurrentResult RunDirection(Value x, Direction parameters, bool reverse, Value? hidden, Value? cell, Value? lengths)
    {
        var graph = x.Graph;
        var (steps, batch) = (x.Shape[0], x.Shape[1]);
        var gates = MatMul.Multiply(
            Reshape.To(x, new Shape(steps * batch, x.Shape[2])), graph.Parameter(parameters.InputWeight), transposeB: true,
            bias: parameters.InputBias is null ? null : graph.Parameter(parameters.InputBias));
        return Recurrent.Run(
            _cell, Reshape.To(gates, new Shape(steps, batch, GateWidth)), graph.Parameter(parameters.HiddenWeight),
            parameters.HiddenBias is null ? null : graph.Parameter(parameters.HiddenBias), hidden, cell, lengths, reverse);
    }

    private int InputsOf(int layer) => layer == 0 ? InputSize : _directions * HiddenSize;

    private Direction Declare(int layer, bool reverse, bool bias)
    {
        var suffix = string.Create(CultureInfo.InvariantCulture, $"_l{layer}{(reverse ? "_reverse" : "")}");
        var initializer = Initializer.UniformForFanIn(HiddenSize);
        return new Direction(
            AddParameter("weight_ih" + suffix, new Shape(GateWidth, InputsOf(layer)), initializer),
            AddParameter("weight_hh" + suffix, new Shape(GateWidth, HiddenSize), initializer),
            bias ? AddParameter("bias_ih" + suffix, new Shape(GateWidth), initializer) : null,
            bias ? AddParameter("bias_hh" + suffix, new Shape(GateWidth), initializer) : null);
    }

    private sealed record Direction(Parameter InputWeight, Parameter HiddenWeight, Parameter? InputBias, Parameter? HiddenBias);
}
