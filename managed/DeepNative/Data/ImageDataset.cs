namespace DeepNative.Data;

/// <summary>Images of one size with one class label each, held in memory. Immutable and thread-safe.</summary>
public sealed class ImageDataset : ISampleSource
{
    private readonly Lazy<(double[] Mean, double[] Std)> _statistics;

    /// <summary>Wraps images and labels; they are not copied and must not change afterwards.</summary>
    /// <param name="name">For messages and reports.</param>
    /// <param name="images">uint8 (N, channels, height, width), row-major.</param>
    /// <param name="labels">int32 (N), each in [0, classNames.Count).</param>
    /// <param name="classNames">One name per class.</param>
    /// <param name="channels">Channels of an image.</param>
    /// <param name="height">Rows of an image.</param>
    /// <param name="width">Columns of an image.</param>
    /// <exception cref="ArgumentException">
    /// No images, sizes that do not fit each other, or a label outside the classes; the message says which.
    /// </exception>
    public ImageDataset(
        string name, ReadOnlyMemory<byte> images, ReadOnlyMemory<int> labels, IReadOnlyList<string> classNames,
        int channels, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        Name = name;
        Images = images;
        Labels = labels;
        ClassNames = [.. classNames];
        Channels = channels;
        Height = height;
        Width = width;
        if (FindFault() is { } fault) throw new ArgumentException($"Data set '{name}': {fault}.");
        _statistics = new(ComputeStatistics);
    }

    /// <summary>The data set's name.</summary>
    public string Name { get; }

    /// <summary>uint8 (Count, Channels, Height, Width), row-major.</summary>
    public ReadOnlyMemory<byte> Images { get; }

    /// <summary>int32 (Count), each in [0, ClassCount).</summary>
    public ReadOnlyMemory<int> Labels { get; }

    /// <summary>One name per class.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Number of classes.</summary>
    public int ClassCount => ClassNames.Count;

    /// <summary>Number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Channels of an image.</summary>
    public int Channels { get; }

    /// <summary>Rows of an image.</summary>
    public int Height { get; }

    /// <summary>Columns of an image.</summary>
    public int Width { get; }

    /// <inheritdoc/>
    public int SampleBytes => Channels * Height * Width;

    /// <summary>
    /// Mean per channel over all images, in units of pixel / 255. Computed at the first use, exactly
    /// but for the last division.
    /// </summary>
    public ReadOnlySpan<double> Mean => _statistics.Value.Mean;

    /// <summary>Standard deviation per channel (of the population), in units of pixel / 255.</summary>
    public ReadOnlySpan<double> Std => _statistics.Value.Std;

    /// <summary>Reads a data set from a pair of IDX files.</summary>
    /// <param name="name">For messages and reports.</param>
    /// <param name="imagesPath">uint8 images, plain or gzip.</param>
    /// <param name="labelsPath">uint8 labels, plain or gzip.</param>
    /// <param name="classNames">One name per class.</param>
    /// <returns>The data set, with one channel.</returns>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the two do not fit each other.</exception>
    public static ImageDataset FromIdx(
        string name, string imagesPath, string labelsPath, IReadOnlyList<string> classNames)
    {
        var labels = Array.ConvertAll(Idx.ReadLabels(labelsPath), static label => (int)label);
        var images = Idx.ReadImages(imagesPath);
        try
        {
            return new ImageDataset(name, images.Pixels, labels, classNames, channels: 1, images.Height, images.Width);
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"{imagesPath} and {labelsPath}: {error.Message}", error);
        }
    }

    /// <summary>A part of the data set, without a copy.</summary>
    /// <param name="start">First image.</param>
    /// <param name="count">Number of images, at least 1.</param>
    /// <returns>The part; its mean and deviation are its own.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The part is empty or reaches outside.</exception>
    public ImageDataset Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count - start);
        return new ImageDataset(
            Name, Images.Slice(start * SampleBytes, count * SampleBytes), Labels.Slice(start, count), ClassNames,
            Channels, Height, Width);
    }

    /// <summary>Holds a part of every class out, as <see cref="ExampleSplit.HoldOut"/>; both parts are copies.</summary>
    /// <param name="part">The part held out, above 0 and below 1.</param>
    /// <param name="seed">Decides which.</param>
    /// <returns>The rest and what is held out; their mean and deviation are their own.</returns>
    /// <exception cref="ArgumentException">One of the two would be empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The part is no part.</exception>
    public (ImageDataset Train, ImageDataset Validation) Split(double part, ulong seed = 0)
    {
        var (train, validation) = ExampleSplit.Divide(Name, Count, Labels.Span, part, seed);
        return (Select(train, Name), Select(validation, $"{Name}, held out"));
    }

    /// <summary>The images as training takes them: uint8 (C, H, W) with class indices. Nothing is copied.</summary>
    /// <returns>The examples; those of one data set are one to a trainer that keeps them on its device.</returns>
    public ILabeledExamples AsExamples() => new ImageExamples(this);

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<int> indices, Span<byte> images, Span<int> labels)
    {
        var size = SampleBytes;
        var from = Images.Span;
        var fromLabels = Labels.Span;
        for (var i = 0; i < indices.Length; i++)
        {
            from.Slice(indices[i] * size, size).CopyTo(images[(i * size)..]);
            labels[i] = fromLabels[indices[i]];
        }
    }

    private ImageDataset Select(int[] indices, string name)
    {
        var images = GC.AllocateUninitializedArray<byte>(indices.Length * SampleBytes);
        var labels = new int[indices.Length];
        Read(indices, images, labels);
        return new ImageDataset(name, images, labels, ClassNames, Channels, Height, Width);
    }

    private string? FindFault()
    {
        if (Count == 0 || Images.Length == 0) return $"{Images.Length} bytes of images and {Count} labels, it is empty";
        if (ClassCount == 0) return "it has no classes";
        var expected = (Int128)Count * Channels * Height * Width;
        if (expected != Images.Length)
            return $"{Images.Length} bytes of images, expected {expected} for {Count} labels "
                + $"of ({Channels}, {Height}, {Width})";
        var labels = Labels.Span;
        for (var i = 0; i < labels.Length; i++)
            if ((uint)labels[i] >= (uint)ClassCount)
                return $"label {i} is {labels[i]}, expected 0 to {ClassCount - 1}";
        return null;
    }

    // By histogram: sums of integers are exact, whatever the number of images.
    private (double[] Mean, double[] Std) ComputeStatistics()
    {
        var mean = new double[Channels];
        var std = new double[Channels];
        var plane = Height * Width;
        Span<long> histogram = stackalloc long[256];
        for (var channel = 0; channel < Channels; channel++)
        {
            histogram.Clear();
            for (var image = 0; image < Count; image++)
                foreach (var pixel in Images.Span.Slice((image * Channels + channel) * plane, plane))
                    histogram[pixel]++;

            var total = (double)Count * plane;
            long sum = 0;
            for (var value = 0; value < histogram.Length; value++) sum += value * histogram[value];
            mean[channel] = sum / total / 255.0;
            double variance = 0;
            for (var value = 0; value < histogram.Length; value++)
            {
                var distance = value / 255.0 - mean[channel];
                variance += histogram[value] / total * (distance * distance);
            }

            std[channel] = Math.Sqrt(variance);
        }

        return (mean, std);
    }
}
