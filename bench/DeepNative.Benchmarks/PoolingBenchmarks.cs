using DeepNative.Interop;

namespace DeepNative.Benchmarks;

/// <summary>The MNIST net's max poolings, forward with taps and backward, and an average.</summary>
public class PoolingBenchmarks : OperatorBenchmarks
{
    public static IEnumerable<OperatorCase> Cases =>
    [
        Pool("max 3 of 100x32x24x24", PoolingMode.Max, Direction.Forward, 32, 24, 3),
        Pool("max 3 of 100x32x24x24, backward", PoolingMode.Max, Direction.BackwardData, 32, 24, 3),
        Pool("max 2 of 100x64x4x4", PoolingMode.Max, Direction.Forward, 64, 4, 2),
        Pool("average 2 of 100x64x16x16", PoolingMode.Average, Direction.Forward, 64, 16, 2),
    ];

    private static OperatorCase Pool(
        string name, PoolingMode mode, Direction direction, long channels, long extent, long kernel)
    {
        const long Batch = 100;
        var result = extent / kernel;
        var inputCount = Batch * channels * extent * extent;
        var outputCount = Batch * channels * result * result;
        var isMax = mode == PoolingMode.Max;
        return new OperatorCase(name, 0, sizeof(float) * (inputCount + outputCount) + (isMax ? outputCount : 0), program =>
        {
            var input = program.Tensor(Batch, channels, extent, extent);
            var output = program.Tensor(Batch, channels, result, result);
            var tap = isMax ? program.Taps(Batch, channels, result, result) : -1;
            var attributes = new PoolingAttributes { Direction = direction, Mode = mode, SpatialRank = 2 };
            for (var i = 0; i < 2; i++)
            {
                attributes.Kernel[i] = kernel;
                attributes.Stride[i] = kernel;
            }
            if (direction == Direction.Forward)
                program.Operator(OperatorKind.Pooling, attributes, [input], isMax ? [output, tap] : [output]);
            else
                program.Operator(OperatorKind.Pooling, attributes, isMax ? [output, tap] : [output], [input]);
        });
    }
}
