namespace DeepNative.Cli.Images;

/// <summary>Reads image files by their content, not by their name.</summary>
internal static class PictureFile
{
    private const long MaxFileBytes = 1L << 28;

    /// <summary>Reads a PNG, PGM or PPM file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The image.</returns>
    /// <exception cref="InvalidDataException">Not such a file, damaged or of an unsupported kind; names the file.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Picture Read(string path)
    {
        var length = new FileInfo(path).Length;
        if (length > MaxFileBytes)
            throw new InvalidDataException($"'{path}': {length} bytes, images may have {MaxFileBytes}");
        var bytes = File.ReadAllBytes(path);
        try
        {
            if (PngReader.Matches(bytes)) return PngReader.Read(bytes);
            if (NetpbmReader.Matches(bytes)) return NetpbmReader.Read(bytes);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"'{path}': {exception.Message}", exception);
        }

        throw new InvalidDataException($"'{path}': neither PNG nor PGM nor PPM");
    }
}
