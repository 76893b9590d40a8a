using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// The steps of one recurrent layer in one direction. What the input contributes to the gates is one product over all
/// steps and comes first: <c>MatMul.Multiply(input, inputWeight, transposeB: true, bias: inputBias)</c>.
/// </summary>
public static class Recurrent
{
    private const string Title = "Recurrent";

    /// <summary>The number of gates of a cell, each H wide.</summary>
    /// <param name="cell">The cell.</param>
    /// <returns>4 for LSTM, 3 for GRU, else 1.</returns>
    public static int GateCount(RecurrentCell cell) => cell switch
    {
        RecurrentCell.Lstm => 4,
        RecurrentCell.Gru => 3,
        RecurrentCell.Tanh or RecurrentCell.ReLU => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(cell), cell, null),
    };

    /// <summary>All steps. It can be differentiated once.</summary>
    /// <param name="cell">What a step does.</param>
    /// <param name="gates">(T, N, G*H), float32: the input's part of each gate, T at least 1.</param>
    /// <param name="weight">(G*H, H): W, the gates' rows in the order of <see cref="RecurrentCell"/>.</param>
    /// <param name="bias">(G*H): b; null: none.</param>
    /// <param name="initialHidden">(N, H): h before the first step; null: zeros.</param>
    /// <param name="initialCell">(N, H): c before the first step, LSTM only; null: zeros.</param>
    /// <param name="lengths">
    /// (N), Int32: the steps of each sample, 1 to T in any order, else the run fails; null: all have T. Steps behind a
    /// sample's end leave its state alone and give 0.
    /// </param>
    /// <param name="reverse">Whether to go from each sample's last step to its first.</param>
    /// <returns>Output (T, N, H), Hidden (N, H), Cell (N, H).</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    /// <exception cref="ArgumentException">An initial cell state for a cell that has none.</exception>
    public static RecurrentResult Run(
        RecurrentCell cell, Value gates, Value weight, Value? bias = null, Value? initialHidden = null, Value? initialCell = null,
        Value? lengths = null, bool reverse = false)
    {
        ArgumentNullException.ThrowIfNull(gates);
        ArgumentNullException.ThrowIfNull(weight);
        if (initialCell is not null && cell != RecurrentCell.Lstm)
            throw new ArgumentException($"{cell} has no cell state.", nameof(initialCell));
        var graph = gates.Graph;
        graph.CheckDType(Title, "gates", gates, DType.Float32);
        graph.CheckDType(Title, "weight", weight, DType.Float32);
        graph.CheckRank(Title, "gates", gates, 3);
        graph.CheckRank(Title, "weight", weight, 2);
        var (steps, batch, hidden) = (gates.Shape[0], gates.Shape[1], weight.Shape[1]);
        var width = GateCount(cell) * hidden;
        if (steps < 1 || hidden < 1)
        {
            throw graph.Mismatch(
                Title, "one step and one unit or more", $"{steps} steps, {hidden} units",
                $"there is no step or no unit; gates is {gates.Shape}, weight {weight.Shape}");
        }

        graph.CheckShape(Title, "weight", weight, new Shape(width, hidden));
        graph.CheckShape(Title, "gates", gates, new Shape(steps, batch, width));
        Check("bias", bias, DType.Float32, new Shape(width));
        Check("initial hidden state", initialHidden, DType.Float32, new Shape(batch, hidden));
        Check("initial cell state", initialCell, DType.Float32, new Shape(batch, hidden));
        Check("lengths", lengths, DType.Int32, new Shape(batch));
        var node = graph.Add(new RecurrentNode(cell, reverse, gates, weight, bias, initialHidden, initialCell, lengths));
        return new RecurrentResult(node.Outputs[0], node.Outputs[1], cell == RecurrentCell.Lstm ? node.Outputs[2] : null);

        void Check(string operand, Value? value, DType dtype, Shape shape)
        {
            if (value is null) return;
            graph.CheckDType(Title, operand, value, dtype);
            graph.CheckShape(Title, operand, value, shape);
        }
    }

    internal static RecurrentAttributes AttributesOf(RecurrentCell cell, bool reverse, Direction direction) => new()
    {
        Direction = direction,
        Cell = (Interop.RecurrentCell)cell,
        Reverse = reverse ? 1 : 0,
    };
}

/// <summary>
/// Inputs gates, weight, [bias], [initial hidden], [initial cell], [lengths]; outputs y, final hidden, final cell (LSTM),
/// and what the derivative needs.
/// </summary>
internal sealed class RecurrentNode : Node
{
    public RecurrentNode(
        RecurrentCell cell, bool reverse, Value gates, Value weight, Value? bias, Value? initialHidden, Value? initialCell, Value? lengths)
        : base(gates.Graph, gates, weight, bias, initialHidden, initialCell, lengths)
    {
        Cell = cell;
        Reverse = reverse;
        var (steps, batch, hidden) = (gates.Shape[0], gates.Shape[1], weight.Shape[1]);
        AddOutput(DType.Float32, new Shape(steps, batch, hidden));
        AddOutput(DType.Float32, new Shape(batch, hidden));
        AddOutput(DType.Float32, new Shape(batch, hidden));
        AddOutput(DType.Float32, new Shape(steps * batch * Constants.RecurrentReserve * hidden));
    }

    public RecurrentCell Cell { get; }

    public bool Reverse { get; }

    public override string OperatorName => "Recurrent";

    public override object? Attributes => (Cell, Reverse);

    public override bool IsOptional(int output) => output > 0;

    public override Value?[] Derivative(DerivativeContext context)
    {
        var node = Graph.Add(new RecurrentBackwardNode(this, context));
        return
        [
            node.Outputs[0],
            node.Outputs[1],
            context.Needs(2) ? node.Outputs[2] : null,
            context.Needs(3) ? node.Outputs[3] : null,
            context.Needs(4) ? node.Outputs[4] : null,
            null,
        ];
    }

    public override void Emit(ProgramWriter writer) =>
        writer.Add(this, OperatorKind.Recurrent, Recurrent.AttributesOf(Cell, Reverse, Direction.Forward));
}

/// <summary>
/// Inputs those of the forward node, then y, what it kept, and the gradients of its first three outputs; outputs the
/// gradients of the first five inputs.
/// </summary>
internal sealed class RecurrentBackwardNode : Node
{
    public RecurrentBackwardNode(RecurrentNode node, DerivativeContext context)
        : base(
            node.Graph,
            [
                .. node.Inputs, node.Outputs[0], node.Outputs[3], context.GradOutput(0), context.GradOutput(1),
                context.GradOutput(2),
            ])
    {
        Cell = node.Cell;
        Reverse = node.Reverse;
        var (gates, weight, state) = (node.Inputs[0]!.Shape, node.Inputs[1]!.Shape, node.Outputs[1].Shape);
        AddOutput(DType.Float32, gates);
        AddOutput(DType.Float32, weight);
        AddOutput(DType.Float32, new Shape(weight[0]));
        AddOutput(DType.Float32, state);
        AddOutput(DType.Float32, state);
    }

    public RecurrentCell Cell { get; }

    public bool Reverse { get; }

    public override string OperatorName => "Recurrent";

    public override object? Attributes => (Cell, Reverse);

    public override bool IsOptional(int output) => output > 1;

    public override Value?[] Derivative(DerivativeContext context) => throw NoDerivative("of a recurrent layer's gradient");

    public override void Emit(ProgramWriter writer) =>
        writer.Add(this, OperatorKind.Recurrent, Recurrent.AttributesOf(Cell, Reverse, Direction.BackwardData));
}
