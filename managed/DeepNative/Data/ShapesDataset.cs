using System.Drawing;

namespace DeepNative.Data;

/// <summary>
/// Drawn pictures of squares, disks, triangles and crosses in random colours, sizes, places and directions, on a
/// background with texture, under noise: for classification, segmentation and key points without any download.
/// </summary>
/// <remarks>The same options give the same bytes, whatever the number of threads.</remarks>
public sealed class ShapesDataset
{
    // Tells the draw apart from other users of the same seed: "shap" in ASCII.
    private const uint Stream = 0x73686170;

    // The same for windows about objects: "obje".
    private const uint WindowStream = 0x6f626a65;

    /// <summary>Pixels of a picture that are one of a heat map, along each axis.</summary>
    public const int HeatmapStride = 4;

    // Of the heat maps' peaks, in their own pixels.
    private const double HeatmapDeviation = 1.5;

    // Pixels of a background's texture between two of its random values.
    private const int TexturePitch = 8;
    private const int TextureContrast = 40;

    // A window's middle is off its shape's by at most its side through this: 16 of 224 pixels in DeepMask's paper.
    private const int WindowJitter = 14;

    // What a window shows beyond the picture.
    private const byte Outside = 128;

    // The least difference of a shape's colour to that around it, over all channels together.
    private const int LeastContrast = 40;

    private readonly ShapesOptions _options;
    private readonly byte[] _images;

    // 1 and more: a pixel of that shape of its picture; 0: background.
    private readonly int[] _owners;
    private readonly ShapeObject[] _objects;

    // Where each picture's shapes begin, and the end.
    private readonly int[] _starts;

    /// <summary>Draws the pictures, on all cores.</summary>
    /// <param name="options">What is drawn; null: one shape in each of 4000 pictures of (3, 64, 64).</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="ArgumentException">2 GiB of pixels or more.</exception>
    public ShapesDataset(ShapesOptions? options = null, string name = "shapes") : this(options ?? new ShapesOptions(), name, threads: -1)
    {
    }

    internal ShapesDataset(ShapesOptions options, string name, int threads)
    {
        var plane = (long)options.Size * options.Size;
        if (options.Count * plane * Math.Max(options.Channels, sizeof(int)) > Array.MaxLength)
            throw new ArgumentException($"{options.Count} pictures of {options.Size} x {options.Size} take 2 GiB or more.", nameof(options));
        _options = options;
        Name = name;
        _images = new byte[options.Count * options.Channels * plane];
        _owners = new int[options.Count * plane];
        var objects = new ShapeObject[options.Count][];
        Parallel.For(0, options.Count, new ParallelOptions { MaxDegreeOfParallelism = threads }, i => objects[i] = Draw(i));
        _objects = [.. objects.SelectMany(static some => some)];
        _starts = new int[options.Count + 1];
        for (var i = 0; i < options.Count; i++) _starts[i + 1] = _starts[i] + objects[i].Length;
    }

    /// <summary>The names of the classes.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = ["square", "disk", "triangle", "cross"];

    /// <summary>For messages.</summary>
    public string Name { get; }

    /// <summary>All shapes, picture after picture.</summary>
    public IReadOnlyList<ShapeObject> Objects => _objects;

    /// <summary>The pictures with the class of what is drawn, or of the first where there are several.</summary>
    /// <returns>uint8 (N, C, S, S) with labels; memory is shared.</returns>
    public ImageDataset ToImages()
    {
        var labels = new int[_options.Count];
        foreach (var one in _objects.Reverse()) labels[one.Picture] = one.Class;
        return new ImageDataset(Name, _images, labels, ClassNames, _options.Channels, _options.Size, _options.Size);
    }

    /// <summary>The pictures with a class for each pixel: 0 is background, then the classes in order.</summary>
    /// <returns>uint8 (C, S, S), whose memory is shared, and int32 (S, S).</returns>
    public IExampleSource ToMasks()
    {
        var plane = _options.Size * _options.Size;
        var masks = new int[_owners.Length];
        for (var i = 0; i < masks.Length; i++)
            if (_owners[i] > 0) masks[i] = 1 + _objects[_starts[i / plane] + _owners[i] - 1].Class;
        return new ByteExamples(
            Name, new Shape(_options.Channels, _options.Size, _options.Size), _images, new Shape(_options.Size, _options.Size), masks,
            ClassNames.Count + 1);
    }

    /// <summary>
    /// A window of each picture about the middle of one of its shapes, with that shape's pixels alone: 1 is the shape, 0 all
    /// else, other shapes among it. The shape is drawn by lot from those whose middle no other one covers; where it lies, up
    /// to a fourteenth of the window's side from the middle, is drawn too. Beyond the picture a window is grey.
    /// </summary>
    /// <param name="size">W, rows and columns of a window, at least 16; shapes are a quarter to half of S wide.</param>
    /// <returns>uint8 (C, W, W) and int32 (W, W).</returns>
    /// <exception cref="ArgumentOutOfRangeException">Below 16.</exception>
    /// <exception cref="InvalidOperationException">2 GiB of windows or more.</exception>
    public IExampleSource ToObjectMasks(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 16);
        var (channels, plane) = (_options.Channels, (long)size * size);
        if (_options.Count * plane * Math.Max(channels, sizeof(int)) > Array.MaxLength)
            throw new InvalidOperationException($"{Name}: {_options.Count} windows of {size} x {size} take 2 GiB or more.");
        var images = new byte[_options.Count * channels * plane];
        var masks = new int[_options.Count * plane];
        Parallel.For(0, _options.Count, i => DrawWindow(
            i, size, images.AsSpan((int)(i * channels * plane), (int)(channels * plane)), masks.AsSpan((int)(i * plane), (int)plane)));
        return new ByteExamples(Name, new Shape(channels, size, size), images, new Shape(size, size), masks, classes: 2);
    }

    private void DrawWindow(int picture, int size, Span<byte> image, Span<int> mask)
    {
        var random = new Philox(_options.Seed, WindowStream, (uint)picture);
        var side = _options.Size;
        var owners = _owners.AsSpan(picture * side * side, side * side);
        // The last one always is among them.
        var seen = new List<int>();
        for (var i = _starts[picture]; i < _starts[picture + 1]; i++)
        {
            var (column, row) = ((int)_objects[i].Center.X, (int)_objects[i].Center.Y);
            if (owners[row * side + column] == i - _starts[picture] + 1) seen.Add(i);
        }

        var chosen = seen[(int)random.NextBelow((uint)seen.Count)];
        var owner = chosen - _starts[picture] + 1;
        var reach = size / WindowJitter;
        var left = (int)_objects[chosen].Center.X - size / 2 + Jitter();
        var top = (int)_objects[chosen].Center.Y - size / 2 + Jitter();
        image.Fill(Outside);
        for (var y = Math.Max(0, -top); y < Math.Min(size, side - top); y++)
        {
            for (var x = Math.Max(0, -left); x < Math.Min(size, side - left); x++)
            {
                var (to, from) = (y * size + x, (top + y) * side + left + x);
                mask[to] = owners[from] == owner ? 1 : 0;
                for (var channel = 0; channel < _options.Channels; channel++)
                    image[channel * size * size + to] = _images[(picture * _options.Channels + channel) * side * side + from];
            }
        }

        int Jitter() => (int)random.NextBelow((uint)(2 * reach + 1)) - reach;
    }

    /// <summary>
    /// The pictures with a map for each class: a Gaussian of height 1 and deviation 1.5 at each shape's centre, the larger
    /// of two where they meet.
    /// </summary>
    /// <returns>uint8 (C, S, S) and float32 (4, S / 4, S / 4), rounded up.</returns>
    /// <exception cref="InvalidOperationException">2 GiB of maps or more.</exception>
    public IExampleSource ToHeatmaps()
    {
        var side = (_options.Size + HeatmapStride - 1) / HeatmapStride;
        var length = (long)_options.Count * ClassNames.Count * side * side;
        if (length > Array.MaxLength / sizeof(float)) throw new InvalidOperationException($"{Name}: {length} numbers take 2 GiB or more.");
        var maps = new float[length];
        foreach (var one in _objects)
        {
            var map = maps.AsSpan((one.Picture * ClassNames.Count + one.Class) * side * side, side * side);
            for (var y = 0; y < side; y++)
            {
                for (var x = 0; x < side; x++)
                {
                    // A map's pixel stands for the middle of its square.
                    var dx = x + 0.5 - one.Center.X / HeatmapStride;
                    var dy = y + 0.5 - one.Center.Y / HeatmapStride;
                    var value = (float)Math.Exp(-(dx * dx + dy * dy) / (2.0 * HeatmapDeviation * HeatmapDeviation));
                    map[y * side + x] = Math.Max(map[y * side + x], value);
                }
            }
        }

        return new ByteExamples(
            Name, new Shape(_options.Channels, _options.Size, _options.Size), _images, new Shape(ClassNames.Count, side, side), maps, classes: null);
    }

    private ShapeObject[] Draw(int picture)
    {
        var random = new Philox(_options.Seed, Stream, (uint)picture);
        var (size, channels) = (_options.Size, _options.Channels);
        var image = _images.AsSpan(picture * channels * size * size, channels * size * size);
        var owners = _owners.AsSpan(picture * size * size, size * size);
        Background(random, image);
        var objects = new ShapeObject[1 + random.NextBelow((uint)_options.MostObjects)];
        for (var i = 0; i < objects.Length; i++) objects[i] = Shape(random, picture, i + 1, image, owners);
        var band = 2 * _options.Noise + 1;
        for (var i = 0; i < image.Length; i++)
            image[i] = (byte)Math.Clamp(image[i] + (int)random.NextBelow((uint)band) - _options.Noise, 0, 255);
        return objects;
    }

    // A colour, and around it values of a coarse grid with what lies between them.
    private void Background(Philox random, Span<byte> image)
    {
        var size = _options.Size;
        var nodes = size / TexturePitch + 2;
        var grid = new float[nodes * nodes];
        for (var channel = 0; channel < _options.Channels; channel++)
        {
            var level = TextureContrast + random.NextBelow(256 - 2 * TextureContrast);
            random.FillUniform(grid, -TextureContrast, TextureContrast);
            for (var y = 0; y < size; y++)
            {
                for (var x = 0; x < size; x++)
                {
                    var (row, column) = (y / TexturePitch, x / TexturePitch);
                    var (v, u) = (y % TexturePitch / (float)TexturePitch, x % TexturePitch / (float)TexturePitch);
                    var above = grid[row * nodes + column] * (1f - u) + grid[row * nodes + column + 1] * u;
                    var below = grid[(row + 1) * nodes + column] * (1f - u) + grid[(row + 1) * nodes + column + 1] * u;
                    image[(channel * size + y) * size + x] = (byte)(level + above * (1f - v) + below * v);
                }
            }
        }
    }

    private ShapeObject Shape(Philox random, int picture, int number, Span<byte> image, Span<int> owners)
    {
        var size = _options.Size;
        var label = (int)random.NextBelow((uint)ClassNames.Count);
        var radius = size * (0.125 + 0.125 * random.NextUniform());
        var (cx, cy) = (Place(), Place());
        // A direction without sines, whose last digits differ from machine to machine.
        var t = 2.0 * random.NextUniform() - 1.0;
        var (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        var (left, top, right, bottom) = (size, size, -1, -1);
        var inside = new bool[size * size];
        var around = new long[_options.Channels];
        var pixels = 0;
        for (var y = 0; y < size; y++)
        {
            for (var x = 0; x < size; x++)
            {
                var (dx, dy) = ((x + 0.5 - cx) / radius, (y + 0.5 - cy) / radius);
                if (!Covers(label, cos * dx + sin * dy, cos * dy - sin * dx)) continue;
                inside[y * size + x] = true;
                (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x), Math.Max(bottom, y));
                for (var channel = 0; channel < around.Length; channel++) around[channel] += image[(channel * size + y) * size + x];
                pixels++;
            }
        }

        var color = Color(random, around, pixels);
        for (var i = 0; i < inside.Length; i++)
        {
            if (!inside[i]) continue;
            owners[i] = number;
            for (var channel = 0; channel < color.Length; channel++) image[channel * inside.Length + i] = color[channel];
        }

        return new ShapeObject(
            picture, label, new Rectangle(left, top, right - left + 1, bottom - top + 1), new PointF((float)cx, (float)cy));

        double Place() => radius + (size - 2.0 * radius) * random.NextUniform();
    }

    // All reach the distance 1 from their middle, none goes beyond it.
    private static bool Covers(int label, double x, double y)
    {
        const double half = 0.70710678;
        return label switch
        {
            0 => Math.Abs(x) <= half && Math.Abs(y) <= half,
            1 => x * x + y * y <= 1.0,
            // Corners at (0, -1) and (+-0.866, 0.5).
            2 => y <= 0.5 && y >= 1.7320508 * Math.Abs(x) - 1.0,
            _ => (Math.Abs(x) <= 0.25 && Math.Abs(y) <= 0.96) || (Math.Abs(y) <= 0.25 && Math.Abs(x) <= 0.96),
        };
    }

    // Far enough from what it covers.
    private static byte[] Color(Philox random, long[] around, int pixels)
    {
        var color = new byte[around.Length];
        while (true)
        {
            var contrast = 0L;
            for (var channel = 0; channel < color.Length; channel++)
            {
                color[channel] = (byte)random.NextBelow(256);
                contrast += Math.Abs(color[channel] - around[channel] / pixels);
            }

            if (contrast >= LeastContrast * color.Length) return color;
        }
    }
}
