namespace DeepNative.Data;

/// <summary>Mean and deviation per channel of pictures of bytes, from exact sums.</summary>
internal static class PlaneStatistics
{
    /// <summary>Of pictures in memory, uint8 (N, channels, plane).</summary>
    public static Normalization Of(ReadOnlySpan<byte> images, int channels, int plane)
    {
        var (sums, squares) = (new long[channels], new long[channels]);
        Add(images, plane, sums, squares);
        return From(sums, squares, images.Length / channels);
    }

    /// <summary>Adds the bytes of pictures and their squares to the sums of their channels.</summary>
    public static void Add(ReadOnlySpan<byte> images, int plane, Span<long> sums, Span<long> squares)
    {
        for (var i = 0; i < images.Length; i += plane)
        {
            long sum = 0, square = 0;
            foreach (var value in images.Slice(i, plane))
            {
                sum += value;
                square += value * value;
            }

            sums[i / plane % sums.Length] += sum;
            squares[i / plane % sums.Length] += square;
        }
    }

    /// <summary>The statistics of sums over so many bytes a channel; 0 and 1 where there are none.</summary>
    public static Normalization From(ReadOnlySpan<long> sums, ReadOnlySpan<long> squares, long count)
    {
        var (mean, deviation) = (new float[sums.Length], new float[sums.Length]);
        deviation.AsSpan().Fill(1f);
        for (var channel = 0; count > 0 && channel < sums.Length; channel++)
        {
            Int128 sum = sums[channel];
            mean[channel] = (float)((double)sum / count / 255.0);
            // Whole numbers to the last step: nothing cancels.
            var variance = (double)((Int128)count * squares[channel] - sum * sum) / ((double)count * count);
            // A constant channel says nothing; leave it at 0 instead of dividing by 0.
            if (variance > 0.0) deviation[channel] = (float)(Math.Sqrt(variance) / 255.0);
        }

        return new Normalization(mean, deviation);
    }
}
