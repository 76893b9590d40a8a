using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Matrix products.</summary>
public static class MatMul
{
    /// <summary>
    /// a b, with either side transposed on request, plus a bias for each column. Leading dimensions are a
    /// batch and broadcast by NumPy's rule; a matrix beside a batch is used for all of it without a copy. A
    /// vector is a row on the left and a column on the right, and the result lacks that axis.
    /// </summary>
    /// <param name="a">(..., M, K), (..., K, M) when transposed, or (K); float32.</param>
    /// <param name="b">(..., K, N), (..., N, K) when transposed, or (K); float32.</param>
    /// <param name="transposeA">Whether a is stored transposed.</param>
    /// <param name="transposeB">Whether b is stored transposed: a linear layer's weight (out, in).</param>
    /// <param name="bias">(N), added to each row; null: none.</param>
    /// <returns>(..., M, N); without M where a is a vector, without N where b is one.</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or a vector is to be transposed.</exception>
    public static Value Multiply(Value a, Value b, bool transposeA = false, bool transposeB = false, Value? bias = null)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        var graph = a.Graph;
        CheckOperand("a", a, transposeA);
        CheckOperand("b", b, transposeB);
        var (row, column) = (a.Shape.Rank == 1, b.Shape.Rank == 1);
        if (row) a = Reshape.Unsqueeze(a, 0);
        if (column) b = Reshape.Unsqueeze(b, 1);
        var (rows, depthA) = Sides(a.Shape, transposeA);
        var (depthB, columns) = Sides(b.Shape, transposeB);
        if (depthA != depthB)
        {
            throw graph.Mismatch(
                MatMulNode.Title, $"depth {depthB}", $"depth {depthA}",
                $"input has {depthA} features, expected {depthB}; input is {Text(a, transposeA)}, weight {Text(b, transposeB)}");
        }

        var (batchA, batchB) = (a.Shape.Until(a.Shape.Rank - 2), b.Shape.Until(b.Shape.Rank - 2));
        if (!Shape.TryBroadcast(batchA, batchB, out var batch))
        {
            throw graph.Mismatch(
                MatMulNode.Title, batchA.ToString(), batchB.ToString(),
                $"leading dimensions {batchA} and {batchB} do not broadcast; a is {a.Shape}, b is {b.Shape}");
        }

        if (bias is not null)
        {
            graph.CheckDType(MatMulNode.Title, "bias", bias, DType.Float32);
            graph.CheckShape(MatMulNode.Title, "bias", bias, new Shape(columns));
        }

        // The engine takes equal batches, or one side without any.
        if (batchA != batchB)
        {
            a = ToBatch(a, batch);
            b = ToBatch(b, batch);
            batch = a.Shape.Rank > 2 ? a.Shape.Until(a.Shape.Rank - 2) : b.Shape.Until(b.Shape.Rank - 2);
        }

        var product = graph.Add(new MatMulNode(a, b, bias, transposeA, transposeB, batch.Concat(new Shape(rows, columns)))).Outputs[0];
        Shape.TryBroadcast(batchA, batchB, out batch);
        if (!row) batch = batch.Concat(new Shape(rows));
        return Reshape.To(product, column ? batch : batch.Concat(new Shape(columns)));

        void CheckOperand(string operand, Value value, bool transposed)
        {
            graph.CheckDType(MatMulNode.Title, operand, value, DType.Float32);
            var least = transposed ? 2 : 1;
            if (value.Shape.Rank < least)
            {
                throw graph.Mismatch(
                    MatMulNode.Title, $"rank {least} or more", $"rank {value.Shape.Rank}",
                    $"{operand} has rank {value.Shape.Rank}, expected {least} or more; {operand} is {value.Shape}");
            }
        }
    }

    // A matrix where it is the same for the whole batch, which then needs no copies; else one for each.
    private static Value ToBatch(Value value, Shape batch)
    {
        var rank = value.Shape.Rank - 2;
        var matrix = value.Shape.From(rank);
        return value.Shape.Until(rank).Count == 1 ? Reshape.To(value, matrix) : Pointwise.Expand(value, batch.Concat(matrix));
    }

    private static (long Rows, long Columns) Sides(Shape shape, bool transposed)
    {
        var (rows, columns) = (shape[shape.Rank - 2], shape[shape.Rank - 1]);
        return transposed ? (columns, rows) : (rows, columns);
    }

    private static string Text(Value value, bool transposed) => value.Shape + (transposed ? " transposed" : "");
}

internal sealed class MatMulNode : Node, IEpilogueHost
{
    public const string Title = "MatMul";

    public MatMulNode(Value a, Value b, Value? bias, bool transposeA, bool transposeB, Shape shape)
        : base(a.Graph, a, b, bias)
    {
        TransposeA = transposeA;
        TransposeB = transposeB;
        AddOutput(DType.Float32, shape);
    }

    public bool TransposeA { get; }

    public bool TransposeB { get; }

    /// <summary>What is done to each finished element; its further inputs follow the bias.</summary>
    public Expression? Epilogue { get; private set; }

    public bool TakesEpilogue => Epilogue is null;

    public override string OperatorName => Title;

    public override NodeData? Data => new(DataRule.FreeProduct, OperatorKind.Matmul, Inputs: NodeData.Operands);

    public override object? Attributes => (TransposeA, TransposeB, Epilogue);

    public void TakeEpilogue(Expression epilogue, ReadOnlySpan<Value> inputs, Value output)
    {
        Epilogue = epilogue;
        SetInputs([.. Inputs, .. inputs]);
        AdoptOutputs([output]);
    }

    // Gradients of the weight and bias first: the input's gradient is what the next node backwards reads.
    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradOutput) return [null, null, null];
        var (a, b) = (Inputs[0]!, Inputs[1]!);
        Value? gradB = null;
        if (context.Needs(1)) gradB = GradientOfB(a, b, gradOutput);
        Value? gradBias = null;
        if (context.Needs(2)) gradBias = Reduce.SumTo(gradOutput, Inputs[2]!.Shape);
        Value? gradA = null;
        if (context.Needs(0))
        {
            gradA = TransposeA
                ? MatMul.Multiply(b, gradOutput, TransposeB, transposeB: true)
                : MatMul.Multiply(gradOutput, b, false, transposeB: !TransposeB);
            gradA = Reduce.SumTo(gradA, a.Shape);
        }

        return [gradA, gradB, gradBias];
    }

    public override unsafe void Emit(ProgramWriter writer)
    {
        var epilogue = Epilogue?.ToNative() ?? [];
        fixed (Interop.Instruction* pointer = epilogue)
        {
            var attributes = new MatmulAttributes
            {
                TransposeA = TransposeA ? 1 : 0,
                TransposeB = TransposeB ? 1 : 0,
                InstructionCount = epilogue.Length,
                Epilogue = pointer,
            };
            writer.Add(this, OperatorKind.Matmul, attributes);
        }
    }

    private Value GradientOfB(Value a, Value b, Value gradOutput)
    {
        // One weight for a whole batch: the batch's rows are rows of one product, and no sum is left over.
        if (!TransposeA && a.Shape.Rank > 2 && b.Shape.Rank == 2)
        {
            a = Reshape.To(a, Rows(a.Shape));
            gradOutput = Reshape.To(gradOutput, Rows(gradOutput.Shape));
        }

        var gradient = TransposeB
            ? MatMul.Multiply(gradOutput, a, transposeA: true, TransposeA)
            : MatMul.Multiply(a, gradOutput, !TransposeA, false);
        return Reduce.SumTo(gradient, b.Shape);

        static Shape Rows(Shape shape) => new(shape.Until(shape.Rank - 1).Count, shape[shape.Rank - 1]);
    }
}
