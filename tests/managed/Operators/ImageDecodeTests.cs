using DeepNative.Data;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class ImageDecodeCases : IOperatorCases
{
    private static readonly DType[] _outputTypes = [DType.Float32, DType.Float16, DType.BFloat16];

    private static readonly (Shape Images, Augmentation Window)[] _windows =
    [
        ([2, 1, 5, 7], new()),
        ([3, 3, 8, 8], new() { Padding = 2, WindowHeight = 8, WindowWidth = 8 }),
        ([3, 3, 8, 8], new() { Padding = 2, WindowHeight = 8, WindowWidth = 8, Reflect = true }),
        ([2, 4, 6, 5], new() { WindowHeight = 3, WindowWidth = 4 }),
        ([2, 2, 4, 3], new() { Padding = 2, WindowHeight = 8, WindowWidth = 7, Reflect = true }),
        ([1, 1, 1, 1], new() { Padding = 3, WindowHeight = 2, WindowWidth = 6 }),
        ([5, 3, 17, 9], new() { Padding = 1, WindowHeight = 18, WindowWidth = 8 }),
        ([40, 1, 5, 6], new() { Padding = 9, WindowHeight = 4, WindowWidth = 3 }),
    ];

    // Each alone, then together.
    private static readonly (Shape Images, Augmentation Settings)[] _varied =
    [
        ([3, 3, 8, 8], new() { VerticalFlip = 0.5f, Padding = 1 }),
        ([3, 3, 8, 8], new() { Cutout = 3, Flip = 0.5f }),
        ([2, 1, 5, 6], new() { Cutout = 40 }),
        ([3, 1, 9, 8], new() { Shift = 0.3f }),
        ([3, 1, 9, 8], new() { Shift = 1f, Reflect = true }),
        ([3, 2, 9, 8], new() { Rotation = 180f }),
        ([3, 4, 7, 10], new() { Scale = 1f }),
        ([3, 1, 7, 10], new() { Shear = 60f, Reflect = true }),
        ([3, 1, 28, 28], new() { Elastic = 2f }),
        ([2, 3, 17, 30], new() { Elastic = 30f, ElasticPitch = 3.3f, Reflect = true }),
        ([2, 1, 1, 6], new() { Rotation = 90f, Elastic = 3f, Reflect = true }),
        ([2, 1, 1, 1], new() { Scale = 3f }),
        ([3, 1, 5, 6], new() { Brightness = 1f }),
        ([3, 2, 5, 6], new() { Contrast = 0.7f, Flip = 0.5f }),
        ([3, 3, 5, 6], new() { Saturation = 1f }),
        ([3, 3, 5, 6], new() { Hue = 0.5f }),
        ([3, 3, 5, 6], new() { Lighting = 0.5f }),
        ([3, 3, 5, 6], new() { Lighting = 0.1f, LightingComponents = [0.1f, 0f, 0.02f, 0f, 0.3f, 0f, -0.2f, 0f, 0.4f] }),
        ([3, 1, 12, 12], new() { Padding = 2, WindowHeight = 8, WindowWidth = 9, Rotation = 30f, Scale = 0.2f, Flip = 0.5f, VerticalFlip = 0.5f, Reflect = true }),
    ];

    internal static readonly Augmentation Everything = new()
    {
        Padding = 2, WindowHeight = 11, WindowWidth = 10, Flip = 0.5f, VerticalFlip = 0.3f, Shift = 0.1f, Rotation = 20f, Scale = 0.3f,
        Shear = 10f, Elastic = 1f, ElasticPitch = 4f, Brightness = 0.3f, Contrast = 0.4f, Saturation = 0.5f, Hue = 0.1f, Lighting = 0.1f, Cutout = 3,
    };

    private static readonly (Shape Images, Augmentation Settings)[] _masked =
    [
        ([3, 3, 8, 9], new() { Flip = 0.5f, VerticalFlip = 0.5f, Padding = 2, WindowHeight = 9, WindowWidth = 6 }),
        ([3, 1, 8, 9], new() { Flip = 0.5f, Padding = 2, Reflect = true, Cutout = 3 }),
        ([2, 3, 12, 9], Everything),
        ([2, 2, 12, 9], new() { Rotation = 180f, Shift = 0.5f, Scale = 0.5f, Elastic = 2f, Reflect = true }),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (images, window) in _windows)
            {
                yield return Case(images, window, DType.Float32, random: false);
                yield return Case(images, window with { Flip = 0.5f }, DType.Float32, random: true);
            }

            foreach (var dtype in _outputTypes) yield return Case([4, 3, 9, 6], new() { Padding = 3, Flip = 0.3f, Reflect = true }, dtype, random: true);
            yield return Case([40, 1, 6, 6], new() { Flip = 1f }, DType.Float32, random: true);
            foreach (var (images, settings) in _varied) yield return Case(images, settings, DType.Float32, random: true);
            foreach (var dtype in _outputTypes) yield return Case([2, 3, 12, 9], Everything, dtype, random: true);
            foreach (var (images, settings) in _masked)
            {
                yield return MaskCase(images, settings, DType.UInt8, random: true);
                yield return MaskCase(images, settings, DType.Int32, random: true);
            }

            yield return MaskCase([2, 3, 7, 6], new() { Padding = 2, WindowHeight = 9, WindowWidth = 5 }, DType.UInt8, random: false);
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
            ImageDecode.Apply(b.Indices(DType.UInt8, [1, 1, 4, 3], 256), [0f], [1f], new Augmentation { Padding = 1, WindowWidth = 6 })),
        new("mirrored too far", "a padding of 3 cannot mirror images (1, 1, 4, 3)", b =>
            ImageDecode.Apply(b.Indices(DType.UInt8, [1, 1, 4, 3], 256), [0f], [1f], new Augmentation { Padding = 3, Reflect = true })),
        new("colours of one channel", "saturation, hue and lighting need 3 channels, images have 1", b =>
            ImageDecode.Apply(b.Indices(DType.UInt8, [1, 1, 4, 3], 256), [0f], [1f], new Augmentation { Hue = 0.1f }, b.Given(DType.Int64, [2], [1, 0]))),
        new("many nodes", "more than 1024 nodes over a window of 40 x 40", b =>
            ImageDecode.Apply(b.Indices(DType.UInt8, [1, 1, 40, 40], 256), [0f], [1f], new Augmentation { Elastic = 1f, ElasticPitch = 1f }, b.Given(DType.Int64, [2], [1, 0]))),
        new("masks of other extents", "masks is (1, 4, 4), expected (1, 4, 3)", b =>
            ImageDecode.ApplyWithMasks(b.Indices(DType.UInt8, [1, 1, 4, 3], 256), b.Indices(DType.UInt8, [1, 4, 4], 3), [0f], [1f])),
        new("masks of numbers", "masks is Float32, expected UInt8 or Int32", b =>
            ImageDecode.ApplyWithMasks(b.Indices(DType.UInt8, [1, 1, 4, 3], 256), b.Input([1, 4, 3]), [0f], [1f])),
        new("a state of another type", "state is Int32, expected Int64", b =>
            ImageDecode.Apply(b.Indices(DType.UInt8, [1, 1, 4, 4], 256), [0f], [1f], state: b.Indices(DType.Int32, [2], 4))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        Shape images = [random.Next(1, 5), random.Next(1, 5), random.Next(1, 12), random.Next(1, 12)];
        var reflect = random.Next(2) == 0;
        var padding = random.Next(0, reflect ? (int)Math.Min(images[2], images[3]) : 4);
        var window = new Augmentation
        {
            Padding = padding,
            Reflect = reflect,
            WindowHeight = random.Next(1, (int)images[2] + 2 * padding + 1),
            WindowWidth = random.Next(1, (int)images[3] + 2 * padding + 1),
        };
        if (random.Next(2) == 0)
        {
            window = window with
            {
                Shift = Some(1f), Rotation = Some(180f), Scale = Some(3f), Shear = Some(60f), Elastic = Some(4f), ElasticPitch = 1f + Some(9f),
                Brightness = Some(1f), Contrast = Some(1f), Cutout = random.Next(5), VerticalFlip = Some(1f),
                Saturation = images[1] == 3 ? Some(1f) : 0f, Hue = images[1] == 3 ? Some(0.5f) : 0f, Lighting = images[1] == 3 ? Some(0.3f) : 0f,
            };
            return Case(images, window with { Flip = random.Next(3) * 0.5f }, _outputTypes[random.Next(3)], random: true);
        }

        return random.Next(3) == 0
            ? Case(images, window, _outputTypes[random.Next(3)], random: false)
            : Case(images, window with { Flip = random.Next(3) * 0.5f }, _outputTypes[random.Next(3)], random: true);

        float Some(float most) => random.Next(2) == 0 ? 0f : random.NextSingle() * most;
    }

    private static Value Plain(Value images, int channels) => ImageDecode.Apply(images, new float[channels], new float[channels]);

    private static OperatorCase Case(Shape images, Augmentation settings, DType dtype, bool random) =>
        new($"{images} to {dtype}{(random ? " at random" : "")}, {settings}", b =>
        {
            Prepare(b, settings, dtype, random);
            var x = b.Indices(DType.UInt8, images, 256);
            return ImageDecode.Apply(x, Mean(images), Scale(images), settings, State(b, random), dtype);
        });

    // With masks of one axis more, too.
    private static OperatorCase MaskCase(Shape images, Augmentation settings, DType labels, bool random) =>
        new($"{images} with masks of {labels}{(random ? " at random" : "")}, {settings}", b =>
        {
            Prepare(b, settings, DType.Float32, random);
            var x = b.Indices(DType.UInt8, images, 256);
            var masks = b.Indices(labels, labels == DType.UInt8 ? images.With(1, 1) : [images[0], images[2], images[3]], 21);
            var (y, windows) = ImageDecode.ApplyWithMasks(x, masks, Mean(images), Scale(images), settings, State(b, random), ignoreIndex: -7);
            b.Store("mask", windows);
            return y;
        });

    private static void Prepare(CaseBuilder b, Augmentation settings, DType dtype, bool random)
    {
        // A place is off by a few units in the last place of the extents, a neighbour differs by up to the whole range:
        // about 0.01 of a byte. 16 bits round more than that.
        b.ReductionLength = !random || !(settings.Samples || settings.Colors) ? 0 : dtype == DType.Float32 ? 40_000 : 1;
        b.HasDerivative = false;
        b.MayBeZero = true;
    }

    private static Value? State(CaseBuilder b, bool random) => random ? b.Given(DType.Int64, [2], [0x123456789AB, 41]) : null;

    private static float[] Mean(Shape images) => new[] { 127.5f, 33.1f, 0f, 200f }[..(int)images[1]];

    private static float[] Scale(Shape images) => new[] { 1f / 70f, 0.3f, 1f, -0.017f }[..(int)images[1]];
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
        var window = new Augmentation { Padding = 2, WindowHeight = 5, WindowWidth = 5, Flip = 0.25f };
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
    public void All_devices_and_numbers_of_threads_give_the_same_bits()
    {
        var expected = Bits(Device.Open("cpu", threads: 1), dispose: true);
        foreach (var name in TestDevices.Names) Assert.That(Bits(TestDevices.Get(name), dispose: false), Is.EqualTo(expected), name);

        static (uint[], int[]) Bits(Device device, bool dispose)
        {
            Shape shape = [64, 3, 13, 18];
            using var owned = dispose ? device : null;
            var random = new System.Random(5);
            using var images = new Tensor(device, DType.UInt8, shape);
            var bytes = new byte[shape.Count];
            random.NextBytes(bytes);
            images.Write<byte>(bytes);
            using var masks = new Tensor(device, DType.UInt8, [64, 13, 18]);
            masks.Write<byte>(bytes.AsSpan(0, 64 * 13 * 18));
            using var state = new Tensor(device, DType.Int64, [2]);
            state.Write<long>([77, 3]);
            using var y = new Tensor(device, DType.Float32, [64, 3, 11, 10]);
            using var windows = new Tensor(device, DType.Int32, [64, 11, 10]);
            var graph = new Graph(training: true);
            var (value, mask) = ImageDecode.ApplyWithMasks(
                graph.Bind(images, "images"), graph.Bind(masks, "masks"), [120f, 110f, 100f], [0.02f, 0.01f, 0.03f],
                ImageDecodeCases.Everything, graph.Bind(state, "state"));
            graph.Store(value, y);
            graph.Store(mask, windows);
            using var program = graph.Compile(device);
            program.Run();
            program.Run();
            return ([.. y.ToArray<float>().Select(BitConverter.SingleToUInt32Bits)], windows.ToArray<int>());
        }
    }

    [Test]
    public void Elastic_displacements_have_their_deviation()
    {
        // Of a ramp, the change is the displacement along it.
        const int Samples = 300, Size = 64;
        var device = TestDevices.Get("cpu");
        using var images = new Tensor(device, DType.UInt8, [Samples, 1, Size, Size]);
        images.Write<byte>([.. Enumerable.Range(0, Samples * Size * Size).Select(i => (byte)(2 * (i % Size)))]);
        using var state = new Tensor(device, DType.Int64, [2]);
        state.Write<long>([7, 0]);
        using var y = new Tensor(device, DType.Float32, [Samples, 1, Size, Size]);
        var graph = new Graph(training: true);
        var settings = new Augmentation { Elastic = 3f, ElasticPitch = 8f };
        graph.Store(ImageDecode.Apply(graph.Bind(images, "images"), [0f], [0.5f], settings, graph.Bind(state, "state")), y);
        using var program = graph.Compile(device);
        program.Run();
        var numbers = y.ToArray<float>();
        var (sum, squares, count) = (0.0, 0.0, 0);
        for (var i = 0; i < numbers.Length; i++)
        {
            var (row, column) = (i / Size % Size, i % Size);
            if (row is < 16 or >= 48 || column is < 16 or >= 48) continue;
            var displacement = numbers[i] - column;
            (sum, squares, count) = (sum + displacement, squares + displacement * displacement, count + 1);
        }

        Assert.That(sum / count, Is.Zero.Within(0.1));
        Assert.That(Math.Sqrt(squares / count), Is.EqualTo(3).Within(0.1));
    }

    [Test]
    public void Numbers_outside_their_range_are_refused()
    {
        var b = new CaseBuilder(device: null);
        var images = b.Indices(DType.UInt8, [1, 2, 4, 4], 256);
        var state = b.Given(DType.Int64, [2], [1, 0]);
        Assert.That(() => ImageDecode.Apply(images, [0f], [1f, 1f]), Throws.ArgumentException.With.Message.Contains("mean has 1 numbers for 2 channels"));
        Assert.That(() => ImageDecode.Apply(images, [0f, 0f], [1f, float.NaN]), Throws.ArgumentException.With.Message.Contains("scale of channel 1"));
        Assert.That(() => Decode(new() { Flip = 0.5f }, null), Throws.ArgumentException.With.Message.Contains("random state"));
        Assert.That(() => Decode(new() { Rotation = 5f }, null), Throws.ArgumentException.With.Message.Contains("vary at random ("));
        Assert.That(() => Decode(new() { Cutout = 2 }, null), Throws.ArgumentException.With.Message.Contains("cutout 2"));
        Assert.That(() => ImageDecode.Apply(images, [0f, 0f], [1f, 1f], outputType: DType.Int32), Throws.ArgumentException);
        Assert.That(() => Decode(new(), Pointwise.Cast(b.Input([2]), DType.Int64)), Throws.ArgumentException.With.Message.Contains("would be overwritten"));

        Value Decode(Augmentation window, Value? with) => ImageDecode.Apply(images, [0f, 0f], [1f, 1f], window, with);
    }
}
