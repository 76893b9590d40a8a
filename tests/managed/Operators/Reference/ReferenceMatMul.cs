using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceMatMul
{
    public static void Run(Interpreter run, MatMulNode node)
    {
        var (a, b, shape) = (node.Inputs[0]!.Shape, node.Inputs[1]!.Shape, node.Outputs[0].Shape);
        var (x, y, bias) = (run[node.Inputs[0]!], run[node.Inputs[1]!], run.Input(node, 2));
        var depth = a[a.Rank - (node.TransposeA ? 2 : 1)];
        var (rows, columns) = (shape[shape.Rank - 2], shape[shape.Rank - 1]);
        var result = new double[shape.Count];
        for (long i = 0; i < result.Length; i++)
        {
            var (batch, row, column) = (i / columns / rows, i / columns % rows, i % columns);
            var sum = bias is null ? 0.0 : bias[column];
            for (long k = 0; k < depth; k++)
            {
                var inA = node.TransposeA ? k * rows + row : row * depth + k;
                var inB = node.TransposeB ? column * depth + k : k * columns + column;
                sum += x[(a.Rank > 2 ? batch * rows * depth : 0) + inA] * y[(b.Rank > 2 ? batch * depth * columns : 0) + inB];
            }

            result[i] = sum;
        }

        run.Set(node.Outputs[0], ReferencePointwise.Epilogue(run, node, node.Epilogue, 3, result));
    }
}
