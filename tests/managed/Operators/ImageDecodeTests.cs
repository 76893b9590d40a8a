using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class ImageDecodeCases : IOperatorCases
{
    private static readonly DType[] _outputTypes = [DType.Float32, DType.Float16, DType.BFloat16];

    private static readonly (Shape Images, ImageWindow Window)[] _windows =
    [
        ([2, 1, 5, 7], new()),
        ([3, 3, 8, 8], new() { Padding = 2, Height = 8, Width = 8 }),
        ([3, 3, 8, 8], new() { Padding = 2, Height = 8, Width = 8, Reflect = true }),
        ([2, 4, 6, 5], new() { Height = 3, Width = 4 }),
        ([2, 2, 4, 3], new() { Padding = 2, Height = 8, Width = 7, Reflect = true }),
        ([1, 1, 1, 1], new() { Padding = 3, Height = 2, Width = 6 }),
        ([5, 3, 17, 9], new() { Padding = 1, Height = 18, Width = 8 }),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (images, window) in _windows)
            {
                yield return Case(images, window, DType.Float32, random: false);
                yield return Case(images, window with { FlipProbability = 0.5f }, DType.Float32, random: true);
            }

            foreach (var dtype in _outputTypes) yield return Case([4, 3, 9, 6], new() { Padding = 3, FlipProbability = 0.3f, Reflect = true }, dtype, random: true);
            yield return Case([40, 1, 6, 6], new() { FlipProbability = 1f }, DType.Float32, random: true);
            yield return new OperatorCase("normalised images into a convolution", b =>
            {
                b.ReductionLength = 27;
                b.Magnitude = 40;
                b.HasDerivative = false;
                var x = ImageDecode.Apply(b.Indices(DType.UInt8, [2, 3, 8, 8], 256), [120f, 110f, 100f], [0.02f, 0.01f, 0.03f]);
                return Convolution.Conv2d(x, b.Input([4, 3, 3, 3]), null, new ConvGeometry());
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("numbers", "images is Float32, expected UInt8", b => Plain(b.Input([1, 1, 4, 4]), 1)),
        new("no images", "images has rank 3, expected 4", b => Plain(b.Indices(DType.UInt8, [3, 4, 4], 256), 4)),
        new("many channels", "expected (N, C, H, W) of 1 to 4 channels", b => Plain(b.Indices(DType.UInt8, [1, 5, 4, 4], 256), 5)),
        new("a window too large", "a window of 4 x 6 does not fit into images (1, 1, 4, 3) with padding 1", b =>
            ImageDecode.Apply(b.Indices(DType.UInt8, [1, 1, 4, 3], 256), [0f], [1f], new ImageWindow { Padding = 1, Width = 6 })),
        new("mirrored too far", "a padding of 3 cannot mirror images (1, 1, 4, 3)", b =>
            ImageDecode.Apply(b.Indices(DType.UInt8, [1, 1, 4, 3], 256), [0f], [1f], new ImageWindow { Padding = 3, Reflect = true })),
        new("a state of another type", "state is Int32, expected Int64", b =>
            ImageDecode.Apply(b.Indices(DType.UInt8, [1, 1, 4, 4], 256), [0f], [1f], state: b.Indices(DType.Int32, [2], 4))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape images = [random.Next(1, 5), random.Next(1, 5), random.Next(1, 12), random.Next(1, 12)];
        var reflect = random.Next(2) == 0;
        var padding = random.Next(0, reflect ? (int)Math.Min(images[2], images[3]) : 4);
        var window = new ImageWindow
        {
            Padding = padding,
            Reflect = reflect,
            Height = random.Next(1, (int)images[2] + 2 * padding + 1),
            Width = random.Next(1, (int)images[3] + 2 * padding + 1),
        };
        return random.Next(3) == 0
            ? Case(images, window, _outputTypes[random.Next(3)], random: false)
            : Case(images, window with { FlipProbability = random.Next(3) * 0.5f }, _outputTypes[random.Next(3)], random: true);
    }

    private static Value Plain(Value images, int channels) => ImageDecode.Apply(images, new float[channels], new float[channels]);

    private static OperatorCase Case(Shape images, ImageWindow window, DType dtype, bool random) => new($"{images} to {dtype}{(random ? " at random" : "")}, {window}", b =>
    {
        b.ReductionLength = 0;
        b.HasDerivative = false;
        b.MayBeZero = true;
        var x = b.Indices(DType.UInt8, images, 256);
        var state = random ? b.Given(DType.Int64, [2], [0x123456789AB, 41]) : null;
        var channels = (int)images[1];
        float[] mean = [127.5f, 33.1f, 0f, 200f];
        float[] scale = [1f / 70f, 0.3f, 1f, -0.017f];
        return ImageDecode.Apply(x, mean.AsSpan(0, channels), scale.AsSpan(0, channels), window, state, dtype);
    });
}

internal sealed class ImageDecodeTests : OperatorTests<ImageDecodeCases>
{
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Places_and_mirroring_vary_over_samples_and_runs(string name)
    {
        // One bright pixel in the middle of a large padding: where it lands tells the window.
        const int Samples = 400;
        var device = TestDevices.Get(name);
        using var images = new Tensor(device, DType.UInt8, [Samples, 1, 3, 3]);
        images.Write<byte>([.. Enumerable.Range(0, Samples).SelectMany(_ => new byte[] { 0, 0, 0, 0, 200, 100, 0, 0, 0 })]);
        using var state = new Tensor(device, DType.Int64, [2]);
        state.Write<long>([77, 0]);
        using var result = new Tensor(device, DType.Float32, [Samples, 1, 5, 5]);
        var graph = new Graph(training: true);
        var window = new ImageWindow { Padding = 2, Height = 5, Width = 5, FlipProbability = 0.25f };
        graph.Store(ImageDecode.Apply(graph.Bind(images, "images"), [0f], [1f], window, graph.Bind(state, "state")), result);
        using var program = graph.Compile(device);
        program.Run();
        var first = result.ToArray<float>();
        program.Run();
        Assert.That(result.ToArray<float>(), Is.Not.EqualTo(first));
        Assert.That(state.ToArray<long>(), Is.EqualTo(new long[] { 77, 2 }));

        var places = new int[9];
        var mirrored = 0;
        for (var sample = 0; sample < Samples; sample++)
        {
            var image = first.AsSpan(sample * 25, 25);
            var (bright, dim) = (image.IndexOf(200f), image.IndexOf(100f));
            Assert.That(dim - bright, Is.EqualTo(1).Or.EqualTo(-1), $"sample {sample}");
            if (dim < bright) mirrored++;
            places[(bright / 5 - 1) * 3 + (bright % 5 - 1)]++;
        }

        // Four standard deviations of the binomial distribution.
        Assert.That(places, Is.All.InRange(44 - 25, 44 + 25));
        Assert.That(mirrored, Is.InRange(100 - 35, 100 + 35));
    }

    [Test]
    public void Numbers_outside_their_range_are_refused()
    {
        var b = new CaseBuilder(device: null);
        var images = b.Indices(DType.UInt8, [1, 2, 4, 4], 256);
        var state = b.Given(DType.Int64, [2], [1, 0]);
        Assert.That(() => ImageDecode.Apply(images, [0f], [1f, 1f]), Throws.ArgumentException.With.Message.Contains("mean has 1 numbers for 2 channels"));
        Assert.That(() => ImageDecode.Apply(images, [0f, 0f], [1f, float.NaN]), Throws.ArgumentException.With.Message.Contains("scale of channel 1"));
        Assert.That(() => Decode(new() { FlipProbability = 1.5f }, state), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Decode(new() { Padding = -1 }, state), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Decode(new() { FlipProbability = 0.5f }, null), Throws.ArgumentException.With.Message.Contains("random state"));
        Assert.That(() => ImageDecode.Apply(images, [0f, 0f], [1f, 1f], outputType: DType.Int32), Throws.ArgumentException);
        Assert.That(() => Decode(new(), Pointwise.Cast(b.Input([2]), DType.Int64)), Throws.ArgumentException.With.Message.Contains("would be overwritten"));

        Value Decode(ImageWindow window, Value? with) => ImageDecode.Apply(images, [0f, 0f], [1f, 1f], window, with);
    }
}
