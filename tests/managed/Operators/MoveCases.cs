using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

/// <summary>What the cases of operators that only move data share.</summary>
internal static class MoveCases
{
    public static readonly DType[] DataTypes =
        [DType.Float32, DType.Float64, DType.Float16, DType.BFloat16, DType.UInt8, DType.Int32, DType.Int64];

    /// <summary>A case of float32 numbers with derivatives.</summary>
    public static OperatorCase Of(string name, Shape shape, Func<Value, Value> apply) => new($"{name} of {shape}", b => Exact(b, apply(b.Input(shape))));

    /// <summary>A case of any data type; others than float32 have no derivative.</summary>
    public static OperatorCase Of(string name, DType dtype, Shape shape, Func<Value, Value> apply) => new($"{name} of {dtype} {shape}", b =>
    {
        b.HasDerivative = false;
        return Exact(b, apply(b.Indices(dtype, shape, 100)));
    });

    /// <summary>The operator on what convolutions leave: the device's own layout.</summary>
    public static OperatorCase AfterConvolution(string name, int channels, Func<Value, Value> apply) => new($"{name} of a convolution's {channels} channels", b =>
    {
        b.ReductionLength = 4 * 9 * channels;
        b.MayBeZero = true;
        return Pointwise.Tanh(apply(Convolved(b, channels)));
    });

    /// <summary>(2, channels, 6, 5), as a convolution leaves it.</summary>
    public static Value Convolved(CaseBuilder b, int channels) =>
        Convolution.Conv2d(b.Input([2, 3, 6, 5]), b.Input([channels, 3, 3, 3], -0.3, 0.3), null, new ConvGeometry { Padding = 1 });

    public static Shape RandomShape(System.Random random, int minRank = 1) => [.. Enumerable.Range(0, random.Next(minRank, 6)).Select(_ => (long)random.Next(1, 6))];

    private static Value Exact(CaseBuilder b, Value y)
    {
        b.ReductionLength = 0;
        b.MayBeZero = true;
        return y;
    }
}
