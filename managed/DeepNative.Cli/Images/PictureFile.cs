using DeepNative.Data;

namespace DeepNative.Cli.Images;

/// <summary>Reads images that the command line names.</summary>
internal static class PictureFile
{
    private const long MaxPngBytes = 1L << 28;

    /// <summary>Reads PNG, PGM or an item of an IDX file, told apart by content.</summary>
    /// <param name="name">A path; for an item of an IDX file followed by ":" and its number from 0.</param>
    /// <returns>The image.</returns>
    /// <exception cref="InvalidDataException">Not such a file, damaged or of an unsupported kind; names the file.</exception>
    /// <exception cref="UsageException">The file has no item of that number.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Picture Read(string name)
    {
        var (path, item) = Split(name);
        if (IsPng(path))
        {
            try
            {
                return PngReader.Read(File.ReadAllBytes(path));
            }
            catch (InvalidDataException exception)
            {
                throw new InvalidDataException($"{path}: {exception.Message}", exception);
            }
        }

        try
        {
            var image = ImageFile.Read(path, item);
            return new Picture(image.Width, image.Height, 1, image.Pixels);
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new UsageException($"{path} has no item {item}");
        }
    }

    private static (string Path, int Item) Split(string name)
    {
        var colon = name.LastIndexOf(':');
        return colon > 0 && !File.Exists(name) && int.TryParse(name.AsSpan(colon + 1), out var item) && item >= 0
            ? (name[..colon], item)
            : (name, 0);
    }

    private static bool IsPng(string path)
    {
        using var file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[8];
        var read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (!PngReader.Matches(start[..read])) return false;
        return file.Length <= MaxPngBytes
            ? true
            : throw new InvalidDataException($"{path}: {file.Length} bytes, expected at most {MaxPngBytes}");
    }
}
