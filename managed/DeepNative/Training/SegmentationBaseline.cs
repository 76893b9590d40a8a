using System.Runtime.InteropServices;
using DeepNative.Data;

namespace DeepNative.Training;

/// <summary>What a segmentation is worth that has learned next to nothing: a net's must be better.</summary>
public static class SegmentationBaseline
{
    /// <summary>Every pixel is given the class that most training pixels have.</summary>
    /// <param name="train">Pictures with a class for each pixel.</param>
    /// <param name="test">What is measured.</param>
    /// <returns>The test pixels by their classes.</returns>
    /// <exception cref="ArgumentException">A source has no class for each pixel.</exception>
    public static ConfusionMatrix Majority(IExampleSource train, IExampleSource test)
    {
        var classes = Classes(train, test);
        var counts = new long[classes];
        foreach (var (_, mask) in Read(train))
            foreach (var label in mask) counts[label]++;
        var majority = Array.IndexOf(counts, counts.Max());
        return Measure(test, classes, _ => majority);
    }

    /// <summary>Pixels of two classes are parted by the one grey value whose mean intersection over union is best on the training set.</summary>
    /// <param name="train">Pictures of bytes with one of two classes for each pixel.</param>
    /// <param name="test">What is measured.</param>
    /// <returns>The value, from which on pixels are of class <c>Bright</c>, and the test pixels by their classes.</returns>
    /// <exception cref="ArgumentException">A source has other pictures or classes.</exception>
    public static (int Threshold, int Bright, ConfusionMatrix Result) Threshold(IExampleSource train, IExampleSource test)
    {
        var classes = Classes(train, test);
        if (classes != 2 || train.InputType != DType.UInt8 || test.InputType != DType.UInt8)
            throw new ArgumentException($"{train.Name}: a grey value parts bytes of 2 classes, not {train.InputType} of {classes}.", nameof(train));
        var counts = new long[2, 256];
        foreach (var (picture, mask) in Read(train))
            for (var pixel = 0; pixel < mask.Length; pixel++) counts[mask[pixel], Grey(picture, mask.Length, pixel)]++;
        var (threshold, bright, best) = (0, 1, double.NegativeInfinity);
        for (var candidate = 0; candidate < 2; candidate++)
        {
            for (var value = 0; value <= 256; value++)
            {
                var parted = new long[4];
                for (var grey = 0; grey < 256; grey++)
                    for (var label = 0; label < 2; label++) parted[2 * label + (grey >= value ? candidate : 1 - candidate)] += counts[label, grey];
                var score = new ConfusionMatrix(2, parted).MeanIntersectionOverUnion;
                if (score > best) (threshold, bright, best) = (value, candidate, score);
            }
        }

        return (threshold, bright, Measure(test, 2, grey => grey >= threshold ? bright : 1 - bright));
    }

    private static ConfusionMatrix Measure(IExampleSource test, int classes, Func<int, int> rule)
    {
        var isBytes = test.InputType == DType.UInt8;
        var counts = new long[classes * classes];
        foreach (var (picture, mask) in Read(test))
            for (var pixel = 0; pixel < mask.Length; pixel++) counts[mask[pixel] * classes + rule(isBytes ? Grey(picture, mask.Length, pixel) : 0)]++;
        return new ConfusionMatrix(classes, counts);
    }

    // The mean of the channels.
    private static int Grey(byte[] picture, int plane, int pixel)
    {
        var sum = 0;
        for (var i = pixel; i < picture.Length; i += plane) sum += picture[i];
        return sum * plane / picture.Length;
    }

    private static IEnumerable<(byte[] Picture, int[] Mask)> Read(IExampleSource source)
    {
        var picture = new byte[source.InputShape.Count * source.InputType.Size()];
        var mask = new int[source.TargetShape.Count];
        for (var i = 0; i < source.Count; i++)
        {
            source.Gather([i], picture, MemoryMarshal.AsBytes(mask.AsSpan()));
            yield return (picture, mask);
        }
    }

    private static int Classes(IExampleSource train, IExampleSource test)
    {
        foreach (var source in (IExampleSource[])[train, test])
        {
            ArgumentNullException.ThrowIfNull(source);
            if (source.TargetType != DType.Int32 || source.TargetShape.Rank != 2 || source.TargetShape != source.InputShape.From(1) || source.MaxLabel is null)
                throw new ArgumentException($"{source.Name}: there is no class for each pixel; targets are {source.TargetType} {source.TargetShape}.", nameof(train));
        }

        return Math.Max(train.MaxLabel!.Value, test.MaxLabel!.Value) + 1;
    }
}
