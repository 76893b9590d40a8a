namespace DeepNative.Data;

/// <summary>
/// Per channel (axis 1): input = (raw - mean) / deviation, where a byte b counts as b / 255. Done on the
/// device, in the program that reads the raw data. One channel's numbers may stand for all.
/// </summary>
public sealed class Normalization
{
    private readonly float[] _mean;
    private readonly float[] _deviation;

    /// <summary>Creates the description.</summary>
    /// <param name="mean">One mean per channel, finite.</param>
    /// <param name="deviation">One standard deviation per channel, above 0.</param>
    /// <exception cref="ArgumentException">The lengths differ, or a number is outside its range.</exception>
    public Normalization(ReadOnlySpan<float> mean, ReadOnlySpan<float> deviation)
    {
        if (mean.Length == 0 || mean.Length != deviation.Length)
            throw new ArgumentException($"{mean.Length} means and {deviation.Length} deviations, expected one of each per channel.", nameof(mean));
        for (var channel = 0; channel < mean.Length; channel++)
        {
            if (!float.IsFinite(mean[channel]))
                throw new ArgumentException($"the mean of channel {channel} is {mean[channel]}.", nameof(mean));
            if (!(deviation[channel] > 0f) || !float.IsFinite(deviation[channel]))
                throw new ArgumentException($"the deviation of channel {channel} is {deviation[channel]}, expected above 0.", nameof(deviation));
        }

        _mean = mean.ToArray();
        _deviation = deviation.ToArray();
    }

    /// <summary>The number of channels described: 1 stands for any.</summary>
    public int Channels => _mean.Length;

    /// <summary>The mean per channel.</summary>
    public ReadOnlySpan<float> Mean => _mean;

    /// <summary>The standard deviation per channel.</summary>
    public ReadOnlySpan<float> Deviation => _deviation;

    /// <summary>Compares two descriptions.</summary>
    /// <param name="a">One, or null.</param>
    /// <param name="b">The other, or null.</param>
    /// <returns>Whether both hold the same numbers, or both are null.</returns>
    public static bool Same(Normalization? a, Normalization? b) =>
        a is null || b is null
            ? a is null && b is null
            : a.Mean.SequenceEqual(b.Mean) && a.Deviation.SequenceEqual(b.Deviation);
}
