using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class LocalResponseNormCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            // AlexNet's; even windows; one channel; windows larger than all channels; no multiple of 16.
            foreach (var (shape, size) in new (Shape, int)[]
            {
                ([2, 8, 3, 4], 5), ([2, 7, 5], 4), ([3, 1, 4], 3), ([2, 3, 2, 2], 9), ([4, 19], 5), ([1, 33, 7], 2), ([2, 5, 3], 1),
                ([1, 4, 1, 70], 3), ([2, 20, 2, 2, 2], 6),
            })
            {
                yield return Of(shape, size, alpha: 0.8f, beta: 0.75f, k: 1.5f);
            }

            yield return Of([2, 9, 4], 5, alpha: 1e-4f, beta: 0.75f, k: 2);
            yield return Of([2, 9, 4], 3, alpha: 0.5f, beta: 0.5f, k: 1);
            yield return Of([2, 17], 3, alpha: 0.5f, beta: 1, k: 1);
            yield return Of([2, 9, 4], 3, alpha: 0.9f, beta: 1.3f, k: 0.7f);
            yield return Of([0, 4, 3], 3, alpha: 1, beta: 0.75f, k: 1);
            yield return Of([2, 4, 0], 3, alpha: 1, beta: 0.75f, k: 1);
            yield return new OperatorCase("after a convolution", b =>
            {
                b.DerivativeOrder = 1;
                Size(b, 80);
                var x = Convolution.Conv2d(b.Input([2, 3, 5, 5]), b.Input([32, 3, 3, 3]), geometry: new ConvGeometry { Padding = 1 });
                return LocalResponseNorm.Apply(x, 5, alpha: 0.5f, k: 2);
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("a vector", "input has rank 1, expected (N, C, ...)", b => LocalResponseNorm.Apply(b.Input([4]), 3)),
        new("another type", "input is Int32, expected Float32", b => LocalResponseNorm.Apply(b.Indices(DType.Int32, [2, 4], 3), 3)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape shape = [random.Next(1, 4), random.Next(1, 40), .. Enumerable.Range(0, random.Next(0, 3)).Select(_ => (long)random.Next(1, 6))];
        return Of(shape, random.Next(1, 8), 1, random.Next(2) == 0 ? 0.75f : 0.6f, 1);
    }

    private static OperatorCase Of(Shape shape, int size, float alpha, float beta, float k) =>
        new($"{size} of {shape}, alpha {alpha}, beta {beta}, k {k}", b =>
        {
            Size(b, 16 + size);
            return LocalResponseNorm.Apply(b.Input(shape, -2, 2), size, alpha, beta, k);
        });

    private static void Size(CaseBuilder b, long length)
    {
        b.ReductionLength = length;
        b.Magnitude = 2;
    }
}

internal sealed class LocalResponseNormTests : OperatorTests<LocalResponseNormCases>
{
    [Test]
    public void A_window_without_channels_is_refused() =>
        Assert.That(() => LocalResponseNorm.Apply(new CaseBuilder(device: null).Input([2, 4]), 0), Throws.TypeOf<ArgumentOutOfRangeException>());
}
