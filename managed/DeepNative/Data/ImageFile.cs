namespace DeepNative.Data;

/// <summary>Reads single grey images: PGM (P2 and P5) and items of IDX files, told by content.</summary>
public static class ImageFile
{
    /// <summary>Reads a PGM file, or one item of an IDX image file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="item">Which image of an IDX file, from 0; a PGM file has only item 0.</param>
    /// <returns>The image, 0 is black and 255 white.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The file has fewer images.</exception>
    /// <exception cref="InvalidDataException">The file is neither, or it is damaged.</exception>
    public static GrayImage Read(string path, int item = 0)
    {
        Span<byte> start = stackalloc byte[4];
        using (var file = File.OpenRead(path)) file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        switch (start)
        {
            case [(byte)'P', (byte)'2' or (byte)'5', ..]:
                return item == 0
                    ? Pgm.Read(path)
                    : throw new ArgumentOutOfRangeException(nameof(item), item, $"{path} has one image, number 0.");
            case [0, 0, 8, 3] or [0x1f, 0x8b, ..]:
                return Idx.ReadItem(path, item);
            default:
                throw new InvalidDataException(
                    $"{path}: begins with {Convert.ToHexStringLower(start)}, "
                    + "expected a PGM file (P2 or P5) or an IDX file of images.");
        }
    }
}
