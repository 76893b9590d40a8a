namespace DeepNative.Data;

/// <summary>
/// Reads the IDX files of MNIST and its relatives, plain or gzip (told by content, not by name).
/// Format: http://yann.lecun.com/exdb/mnist. A header that does not fit the file's size is refused
/// before memory is taken for its content.
/// </summary>
public static class Idx
{
    internal const uint ImagesMagic = 0x803;
    internal const uint LabelsMagic = 0x801;

    /// <summary>Reads a file of uint8 images (magic 0x803).</summary>
    /// <param name="path">The file.</param>
    /// <returns>All images.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// Not such a file, truncated or over-long; the message names the file, what was found and what was expected.
    /// </exception>
    public static IdxImages ReadImages(string path)
    {
        using var file = new IdxFile(path, ImagesMagic);
        return new IdxImages(file.Count, file.Height, file.Width, file.ReadAll());
    }

    /// <summary>Reads a file of uint8 labels (magic 0x801).</summary>
    /// <param name="path">The file.</param>
    /// <returns>One label per item.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// Not such a file, truncated or over-long; the message names the file, what was found and what was expected.
    /// </exception>
    public static byte[] ReadLabels(string path)
    {
        using var file = new IdxFile(path, LabelsMagic);
        return file.ReadAll();
    }

    /// <summary>Reads one image of a file of images, without taking memory for the others.</summary>
    /// <param name="path">The file.</param>
    /// <param name="index">Which image, from 0.</param>
    /// <returns>The image.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The file has fewer images.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">As <see cref="ReadImages"/>.</exception>
    public static Picture ReadItem(string path, int index)
    {
        using var file = new IdxFile(path, ImagesMagic);
        if (index < 0 || index >= file.Count)
            throw new ArgumentOutOfRangeException(
                nameof(index), index, $"{path} has {file.Count} images, numbered from 0.");
        return new Picture(file.Width, file.Height, 1, file.ReadItem(index));
    }
}
