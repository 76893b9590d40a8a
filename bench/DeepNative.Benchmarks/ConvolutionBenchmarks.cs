using DeepNative.Interop;

namespace DeepNative.Benchmarks;

/// <summary>The MNIST net's convolutions and one of a residual net, in all three directions.</summary>
public class ConvolutionBenchmarks : OperatorBenchmarks
{
    public static IEnumerable<OperatorCase> Cases =>
        from direction in new[] { Direction.Forward, Direction.BackwardData, Direction.BackwardWeight }
        from geometry in new[]
        {
            new Geometry("mnist conv1", Batch: 100, Input: 1, Output: 32, Extent: 28, Kernel: 5, Padding: 0),
            new Geometry("mnist conv2", Batch: 100, Input: 32, Output: 64, Extent: 8, Kernel: 5, Padding: 0),
            new Geometry("residual 64", Batch: 16, Input: 64, Output: 64, Extent: 32, Kernel: 3, Padding: 1),
        }
        select geometry.Case(direction);

    private sealed record Geometry(string Name, long Batch, long Input, long Output, long Extent, long Kernel, long Padding)
    {
        public OperatorCase Case(Direction direction)
        {
            var result = Extent + 2 * Padding - Kernel + 1;
            var operations = 2 * Batch * Output * result * result * Input * Kernel * Kernel;
            var bytes = sizeof(float) * (Batch * Input * Extent * Extent + Output * Input * Kernel * Kernel +
                                         Batch * Output * result * result);
            return new OperatorCase($"{Name} {direction}", operations, bytes, program =>
            {
                var input = program.Tensor(Batch, Input, Extent, Extent);
                var weight = program.Tensor(Output, Input, Kernel, Kernel);
                var output = program.Tensor(Batch, Output, result, result);
                var attributes = new ConvolutionAttributes { Direction = direction, SpatialRank = 2, Groups = 1 };
                for (var i = 0; i < 2; i++)
                {
                    attributes.Stride[i] = 1;
                    attributes.Dilation[i] = 1;
                    attributes.PaddingBegin[i] = Padding;
                    attributes.PaddingEnd[i] = Padding;
                }
                var (inputs, outputs) = direction switch
                {
                    Direction.Forward => (new[] { input, weight }, output),
                    Direction.BackwardData => (new[] { output, weight }, input),
                    _ => (new[] { input, output }, weight),
                };
                program.Operator(OperatorKind.Convolution, attributes, inputs, [outputs]);
            });
        }
    }
}
