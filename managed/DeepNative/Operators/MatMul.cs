using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Matrix products.</summary>
public static class MatMul
{
    /// <summary>
    /// a b, with either side transposed on request, plus a bias for each column. Leading dimensions are a
    /// batch: equal on both sides, or absent on one side, which is then used for all.
    /// </summary>
    /// <param name="a">(..., M, K), or (..., K, M) when transposed; float32.</param>
    /// <param name="b">(..., K, N), or (..., N, K) when transposed; float32.</param>
    /// <param name="transposeA">Whether a is stored transposed.</param>
    /// <param name="transposeB">Whether b is stored transposed: a linear layer's weight (out, in).</param>
    /// <param name="bias">(N), added to each row; null: none.</param>
    /// <returns>(..., M, N).</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Value Multiply(Value a, Value b, bool transposeA = false, bool transposeB = false, Value? bias = null)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        var graph = a.Graph;
        CheckMatrix("a", a);
        CheckMatrix("b", b);
        var (rows, depthA) = Sides(a.Shape, transposeA);
        var (depthB, columns) = Sides(b.Shape, transposeB);
        if (depthA != depthB)
        {
            throw graph.Mismatch(
                MatMulNode.Title, $"depth {depthB}", $"depth {depthA}",
                $"input has {depthA} features, expected {depthB}; input is {Text(a, transposeA)}, weight {Text(b, transposeB)}");
        }

        var batchA = a.Shape.Until(a.Shape.Rank - 2);
        var batchB = b.Shape.Until(b.Shape.Rank - 2);
        if (batchA != batchB && batchA.Rank > 0 && batchB.Rank > 0)
        {
            throw graph.Mismatch(
                MatMulNode.Title, batchA.ToString(), batchB.ToString(),
                $"leading dimensions {batchA} and {batchB} differ; a is {a.Shape}, b is {b.Shape}");
        }

        if (bias is not null)
        {
            graph.CheckDType(MatMulNode.Title, "bias", bias, DType.Float32);
            graph.CheckShape(MatMulNode.Title, "bias", bias, new Shape(columns));
        }

        var shape = (batchA.Rank > 0 ? batchA : batchB).Concat(new Shape(rows, columns));
        return graph.Add(new MatMulNode(a, b, bias, transposeA, transposeB, shape)).Outputs[0];

        void CheckMatrix(string operand, Value value)
        {
            graph.CheckDType(MatMulNode.Title, operand, value, DType.Float32);
            if (value.Shape.Rank < 2)
            {
                throw graph.Mismatch(
                    MatMulNode.Title, "rank 2 or more", $"rank {value.Shape.Rank}",
                    $"{operand} has rank {value.Shape.Rank}, expected 2 or more; {operand} is {value.Shape}");
            }
        }
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
