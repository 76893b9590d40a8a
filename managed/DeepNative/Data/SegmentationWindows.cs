using System.Runtime.InteropServices;

namespace DeepNative.Data;

/// <summary>
/// Parts of pictures with a class for each pixel, as they fit a net and the memory: windows at random places, mirrored
/// and turned, to learn from, or tiles that cover every picture, to measure with. Where a net's output is smaller than its input, a
/// window sees the picture beyond the classes that are asked for, mirrored at its borders: the overlap-tile strategy of
/// Ronneberger, Fischer, Brox ("U-Net", 2015).
/// </summary>
/// <remarks>Holds a copy of the pictures. Immutable and thread-safe.</remarks>
public sealed class SegmentationWindows : IExampleSource
{
    // Tells the draw apart from other users of the same seed: "wind" in ASCII.
    private const uint Stream = 0x77696e64;

    private readonly Normalization? _statistics;
    private readonly int _channels;
    private readonly int _height;
    private readonly int _width;
    private readonly int _size;
    private readonly int _margin;
    private readonly int _bytes;
    private readonly byte[] _pictures;
    private readonly int[] _masks;
    private readonly float[]? _weights;
    private readonly Window[] _windows;
    private readonly int[] _groups;

    private SegmentationWindows(IExampleSource source, int size, int margin, BorderWeights? borders, Func<int, int, Window[]> windows)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(margin);
        var shape = source.InputShape;
        if (shape.Rank != 3 || source.TargetShape != shape.From(1) || source.TargetType != DType.Int32)
            throw new ArgumentException(
                $"{source.Name}: windows are cut from pictures (C, H, W) with a class for each pixel, not from {shape} with {source.TargetType} {source.TargetShape}.",
                nameof(source));
        (_channels, _height, _width) = ((int)shape[0], (int)shape[1], (int)shape[2]);
        if (size > _height || size > _width || margin >= _height || margin >= _width)
            throw new ArgumentException($"{source.Name}: pictures of {_height} x {_width} have no windows of {size} x {size} with {margin} around.", nameof(size));
        (_size, _margin) = (size, margin);
        Name = source.Name;
        InputType = source.InputType;
        MaxLabel = source.MaxLabel;
        _bytes = InputType.Size();
        _statistics = source.Statistics();
        _pictures = new byte[checked(source.Count * shape.Count * _bytes)];
        _masks = new int[checked(source.Count * shape[1] * shape[2])];
        var plane = _height * _width;
        for (var i = 0; i < source.Count; i++)
        {
            source.Gather(
                [i], _pictures.AsSpan(i * _channels * plane * _bytes, _channels * plane * _bytes), MemoryMarshal.AsBytes(_masks.AsSpan(i * plane, plane)));
        }

        _windows = windows(_height, _width);
        _groups = Array.ConvertAll(_windows, static window => window.Picture);
        if (borders is null) return;
        var balance = BorderWeights.Balanced(_masks, (MaxLabel ?? _masks.Max()) + 1);
        _weights = new float[_masks.Length];
        Parallel.For(0, source.Count, i => borders.Map(_masks.AsSpan(i * plane, plane), _width, cellClass: 1, balance).CopyTo(_weights, i * plane));
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _windows.Length;

    /// <inheritdoc/>
    public Shape InputShape => new(_channels, _size + 2 * _margin, _size + 2 * _margin);

    /// <inheritdoc/>
    public DType InputType { get; }

    /// <inheritdoc/>
    public Shape TargetShape => new(_size, _size);

    /// <inheritdoc/>
    public DType TargetType => DType.Int32;

    /// <inheritdoc/>
    public int? MaxLabel { get; }

    /// <inheritdoc/>
    public Shape? WeightShape => _weights is null ? null : TargetShape;

    /// <summary>int32 (Count): the picture of each window, from 0: those of one picture overlap.</summary>
    public ReadOnlySpan<int> Groups => _groups;

    /// <summary>Windows at random places, in one of the eight directions that mirroring and quarter turns give.</summary>
    /// <param name="source">Pictures (C, H, W) with classes (H, W).</param>
    /// <param name="size">Rows and columns of a window's classes, at most those of a picture.</param>
    /// <param name="perPicture">Windows of each picture, at least 1.</param>
    /// <param name="margin">What a window's input has on each side beyond its classes, at least 0.</param>
    /// <param name="borders">How pixels are weighted, beside what balances the classes, with class 1 as the cells; null: all pixels count the same.</param>
    /// <param name="seed">The same seed draws the same windows.</param>
    /// <returns>The windows, picture after picture.</returns>
    /// <exception cref="ArgumentException">The source has no such pictures, or they are too small.</exception>
    public static SegmentationWindows Random(
        IExampleSource source, int size, int perPicture, int margin = 0, BorderWeights? borders = null, ulong seed = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(perPicture, 1);
        return new SegmentationWindows(source, size, margin, borders, (height, width) =>
        {
            var random = new Philox(seed, Stream);
            var windows = new Window[checked(source.Count * perPicture)];
            for (var i = 0; i < windows.Length; i++)
            {
                windows[i] = new Window(
                    i / perPicture, (int)random.NextBelow((uint)(height - size + 1)), (int)random.NextBelow((uint)(width - size + 1)), (int)random.NextBelow(8));
            }

            return windows;
        });
    }

    /// <summary>Tiles that cover every picture; those at its end overlap their neighbours where the size does not divide it.</summary>
    /// <param name="source">Pictures (C, H, W) with classes (H, W).</param>
    /// <param name="size">Rows and columns of a tile's classes, at most those of a picture.</param>
    /// <param name="margin">What a tile's input has on each side beyond its classes, at least 0.</param>
    /// <returns>The tiles, picture after picture, row after row.</returns>
    /// <exception cref="ArgumentException">The source has no such pictures, or they are too small.</exception>
    public static SegmentationWindows Tiles(IExampleSource source, int size, int margin = 0) => new(source, size, margin, borders: null, (height, width) =>
    {
        var windows = new List<Window>();
        for (var picture = 0; picture < source.Count; picture++)
            for (var top = 0; top < height; top += size)
                for (var left = 0; left < width; left += size) windows.Add(new Window(picture, Math.Min(top, height - size), Math.Min(left, width - size), 0));
        return [.. windows];
    });

    /// <inheritdoc/>
    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
    {
        var extent = _size + 2 * _margin;
        var labels = MemoryMarshal.Cast<byte, int>(targets);
        for (var i = 0; i < indices.Length; i++)
        {
            var window = _windows[indices[i]];
            for (var channel = 0; channel < _channels; channel++)
            {
                var plane = (window.Picture * _channels + channel) * _height * _width;
                var input = inputs.Slice((i * _channels + channel) * extent * extent * _bytes, extent * extent * _bytes);
                if (_bytes == 1) Cut<byte>(_pictures.AsSpan(plane, _height * _width), input, window, _margin);
                else Cut<float>(MemoryMarshal.Cast<byte, float>(_pictures).Slice(plane, _height * _width), MemoryMarshal.Cast<byte, float>(input), window, _margin);
            }

            Cut<int>(_masks.AsSpan(window.Picture * _height * _width, _height * _width), labels.Slice(i * _size * _size, _size * _size), window, margin: 0);
        }
    }

    /// <inheritdoc/>
    public void GatherWeights(ReadOnlySpan<int> indices, Span<float> weights)
    {
        if (_weights is null) return;
        for (var i = 0; i < indices.Length; i++)
        {
            var window = _windows[indices[i]];
            Cut<float>(_weights.AsSpan(window.Picture * _height * _width, _height * _width), weights.Slice(i * _size * _size, _size * _size), window, margin: 0);
        }
    }

    /// <inheritdoc/>
    public Normalization? Statistics() => _statistics;

    // Bit 0 mirrors rows, bit 1 columns, bit 2 exchanges them.
    private void Cut<T>(ReadOnlySpan<T> plane, Span<T> result, Window window, int margin)
    {
        var extent = _size + 2 * margin;
        for (var y = 0; y < extent; y++)
        {
            for (var x = 0; x < extent; x++)
            {
                var (row, column) = (window.Direction & 4) == 0 ? (y, x) : (x, y);
                if ((window.Direction & 1) != 0) row = extent - 1 - row;
                if ((window.Direction & 2) != 0) column = extent - 1 - column;
                result[y * extent + x] = plane[Mirrored(window.Top + row - margin, _height) * _width + Mirrored(window.Left + column - margin, _width)];
            }
        }
    }

    // The border itself is not repeated.
    private static int Mirrored(int place, int extent) => place < 0 ? -place : place >= extent ? 2 * (extent - 1) - place : place;

    private readonly record struct Window(int Picture, int Top, int Left, int Direction);
}
