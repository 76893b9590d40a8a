namespace DeepNative.Data;

/// <summary>
/// The binary files of CIFAR-10 and CIFAR-100: records of one or more label bytes and a picture of 32 x 32, its red,
/// green and blue plane one after the other. Format: https://www.cs.toronto.edu/~kriz/cifar.html.
/// </summary>
/// <param name="Train">Files to learn from, in order.</param>
/// <param name="Test">Files to measure with, in order.</param>
public sealed record CifarFormat(IReadOnlyList<DatasetFile> Train, IReadOnlyList<DatasetFile> Test) : DatasetFormat
{
    private const int Channels = 3;
    private const int Side = 32;

    /// <summary>Bytes of labels before each picture: 1, for CIFAR-100 2 (coarse, fine).</summary>
    public int LabelBytes { get; init; } = 1;

    /// <summary>Which of the label bytes is taken, from 0.</summary>
    public int Label { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<DatasetFile> Files => [.. Train, .. Test];

    /// <inheritdoc/>
    public override ImageSplits Read(string name, string folder, IReadOnlyList<string> classNames) =>
        new(Part($"{name} train", folder, Train, classNames), Part($"{name} test", folder, Test, classNames));

    private ImageDataset Part(string name, string folder, IReadOnlyList<DatasetFile> files, IReadOnlyList<string> classNames)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Label);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Label, LabelBytes);
        const int pixels = Channels * Side * Side;
        var record = new byte[LabelBytes + pixels];
        var paths = files.Select(file => Path.Combine(folder, file.Name)).ToArray();
        var counts = Array.ConvertAll(paths, path => CountRecords(path, record.Length));
        var total = counts.Sum();
        if (total * pixels > Array.MaxLength)
            throw new InvalidDataException($"{string.Join(", ", paths)}: {total} pictures, expected at most {Array.MaxLength / pixels}.");
        var images = GC.AllocateUninitializedArray<byte>((int)(total * pixels));
        var labels = new int[total];
        var next = 0;
        for (var i = 0; i < paths.Length; i++)
        {
            using var file = new FileStream(paths[i], FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 20);
            for (var row = 0L; row < counts[i]; row++, next++)
            {
                file.ReadExactly(record);
                labels[next] = record[Label];
                if (labels[next] >= classNames.Count)
                    throw new InvalidDataException($"{paths[i]}: record {row} has label {labels[next]}, expected 0 to {classNames.Count - 1}.");
                record.AsSpan(LabelBytes).CopyTo(images.AsSpan(next * pixels));
            }
        }

        return new ImageDataset(name, images, labels, classNames, Channels, Side, Side);
    }

    private static long CountRecords(string path, int recordBytes)
    {
        var bytes = new FileInfo(path).Length;
        return bytes > 0 && bytes % recordBytes == 0
            ? bytes / recordBytes
            : throw new InvalidDataException($"{path}: {bytes} bytes are not whole records of {recordBytes}.");
    }
}
