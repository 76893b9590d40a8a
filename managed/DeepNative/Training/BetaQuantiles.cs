namespace DeepNative.Training;

/// <summary>The inverse distribution function of Beta(alpha, alpha), as a table.</summary>
internal static class BetaQuantiles
{
    private const int Entries = 1024;

    // Of the integral over the lower half.
    private const int Steps = 1 << 16;

    /// <summary>At the middles of equally probable parts: picked at random, entries are distributed so.</summary>
    public static float[] Symmetric(double alpha)
    {
        // With s = x^p the density's pole at 0, for alpha < 1, becomes a constant.
        var p = Math.Min(alpha, 1);
        var end = Math.Pow(0.5, p);
        var sums = new double[Steps + 1];
        for (var i = 0; i < Steps; i++)
        {
            var x = Math.Pow((i + 0.5) / Steps * end, 1 / p);
            sums[i + 1] = sums[i] + Math.Pow(x, alpha - p) * Math.Pow(1 - x, alpha - 1);
        }

        var table = new float[Entries];
        for (var (k, i) = (0, 0); k < Entries / 2; k++)
        {
            // The lower half of the distribution ends at 1 / 2, where all steps are summed up.
            var wanted = (k + 0.5) / Entries * 2 * sums[Steps];
            while (sums[i + 1] < wanted) i++;
            var s = (i + (wanted - sums[i]) / (sums[i + 1] - sums[i])) / Steps * end;
            table[k] = (float)Math.Pow(s, 1 / p);
            table[Entries - 1 - k] = 1f - table[k];
        }

        return table;
    }
}
