using DeepNative.Interop;

namespace DeepNative.Benchmarks;

/// <summary>The products of the MNIST nets' linear layers, and a square one for the device's peak.</summary>
public class MatMulBenchmarks : OperatorBenchmarks
{
    public static IEnumerable<OperatorCase> Cases =>
    [
        Product("100x784x300", 100, 784, 300, transposeB: true),
        Product("100x256x200", 100, 256, 200, transposeB: true),
        Product("300x100x784 (weights)", 300, 100, 784, transposeA: true),
        Product("1024x1024x1024", 1024, 1024, 1024),
    ];

    private static OperatorCase Product(
        string name, long rows, long depth, long columns, bool transposeA = false, bool transposeB = false) =>
        new(name, 2 * rows * depth * columns, sizeof(float) * (rows * depth + depth * columns + rows * columns), program =>
        {
            var a = transposeA ? program.Tensor(depth, rows) : program.Tensor(rows, depth);
            var b = transposeB ? program.Tensor(columns, depth) : program.Tensor(depth, columns);
            var attributes = new MatmulAttributes { TransposeA = transposeA ? 1 : 0, TransposeB = transposeB ? 1 : 0 };
            program.Operator(OperatorKind.Matmul, attributes, [a, b], [program.Tensor(rows, columns)]);
        });
}
