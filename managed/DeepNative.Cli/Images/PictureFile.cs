using System.Drawing;
using System.Globalization;
using System.Text;
using DeepNative.Data;

namespace DeepNative.Cli.Images;

/// <summary>A picture that the command line names.</summary>
internal sealed class PictureFile
{
    private readonly string _path;
    private readonly byte[] _bytes;
    private readonly Picture? _item;

    private PictureFile(string path, byte[] bytes, PictureInfo info) =>
        (_path, _bytes, Width, Height) = (path, bytes, info.Width, info.Height);

    private PictureFile(string path, Picture item) =>
        (_path, _bytes, _item, Width, Height) = (path, Pgm(item), item, item.Width, item.Height);

    /// <summary>Columns of the upright picture.</summary>
    public int Width { get; }

    /// <summary>Rows of the upright picture.</summary>
    public int Height { get; }

    /// <summary>Reads JPEG, PNG, PNM or an item of an IDX file, told apart by content.</summary>
    /// <param name="name">A path; for an item of an IDX file followed by ":" and its number from 0.</param>
    /// <returns>The picture, of which the headers have been checked.</returns>
    /// <exception cref="PictureException">No such picture, damaged or too large; names the file.</exception>
    /// <exception cref="InvalidDataException">A damaged IDX file; names the file.</exception>
    /// <exception cref="UsageException">The file has no item of that number.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static PictureFile Read(string name)
    {
        var (path, item) = Split(name);
        try
        {
            if (IsIdx(path)) return new PictureFile(path, Idx.ReadItem(path, item));
            var bytes = ReadPicture(path, item);
            return new PictureFile(path, bytes, PictureDecoder.Probe(bytes));
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new UsageException($"{path} has no item {item}");
        }
        catch (PictureException exception)
        {
            throw exception.At(path);
        }
    }

    /// <summary>The picture as a model takes it.</summary>
    /// <param name="channels">1 or 3; colour becomes luminance, grey is repeated.</param>
    /// <param name="height">Rows; another size is resampled.</param>
    /// <param name="width">Columns.</param>
    /// <param name="invert">True: 255 - value, for dark ink on light paper.</param>
    /// <param name="isMeasured">True: the part that pictures of a folder are measured with; false: all of it.</param>
    /// <returns>(channels, height, width), row-major.</returns>
    /// <exception cref="PictureException">The pixels are damaged; names the file.</exception>
    public byte[] ToPlanes(int channels, int height, int width, bool invert, bool isMeasured = false)
    {
        var planes = new byte[channels * height * width];
        var part = isMeasured ? new PictureFolderOptions { Height = height, Width = width }.MeasuredPart(Width, Height) : Rectangle.Empty;
        try
        {
            // Without the picture library an item of the right size is still read.
            if (_item is not null && !isMeasured && (channels, height, width) == (1, Height, Width)) _item.Planes.CopyTo(planes);
            else PictureDecoder.DecodeResized(_bytes, channels, part, width, height, flip: false, planes);
        }
        catch (PictureException exception)
        {
            throw exception.At(_path);
        }

        if (invert)
            foreach (ref var value in planes.AsSpan()) value = (byte)(255 - value);
        return planes;
    }

    private static (string Path, int Item) Split(string name)
    {
        var colon = name.LastIndexOf(':');
        return colon > 0 && !File.Exists(name) && int.TryParse(name.AsSpan(colon + 1), out var item) && item >= 0
            ? (name[..colon], item)
            : (name, 0);
    }

    private static bool IsIdx(string path)
    {
        using var file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[4];
        var read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        return start[..read] is [0, 0, 8, _] or [0x1f, 0x8b, ..];
    }

    private static byte[] ReadPicture(string path, int item)
    {
        if (item != 0) throw new UsageException($"{path} has one picture, number 0, and no item {item}");
        var length = new FileInfo(path).Length;
        if (length > PictureLimits.Default.MaxBytes)
            throw new PictureException($"{length} bytes, expected at most {PictureLimits.Default.MaxBytes}");
        return File.ReadAllBytes(path);
    }

    // The decoder's own form of bare pixels.
    private static byte[] Pgm(Picture picture) =>
        [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"P5 {picture.Width} {picture.Height} 255\n")), .. picture.Planes];
}
