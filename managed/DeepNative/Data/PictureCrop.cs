using System.Drawing;

namespace DeepNative.Data;

/// <summary>Which part of a picture becomes an input.</summary>
internal static class PictureCrop
{
    // Tells the draw apart from other users of the same seed: "crop" in ASCII.
    private const uint Stream = 0x63726F70;
    private const int Tries = 10;

    /// <summary>The middle, as large as fits in the input's proportions, times a fraction.</summary>
    public static Rectangle Center(int width, int height, int inputWidth, int inputHeight, double fraction)
    {
        var scale = Math.Min((double)width / inputWidth, (double)height / inputHeight) * fraction;
        return Middle(width, height, inputWidth * scale, inputHeight * scale);
    }

    /// <summary>
    /// A random part by area and proportions (Szegedy et al., "Going deeper with convolutions", 2015, section 6), drawn anew
    /// where it does not fit, at most ten times; then the middle. One block of Philox a try: area, proportion, x, y.
    /// </summary>
    public static Rectangle Random(int width, int height, Augmentation augmentation, ulong seed, int epoch, int example)
    {
        var area = (double)width * height;
        var (low, high) = (augmentation.CropScaleMin, Math.Max(augmentation.CropScaleMin, augmentation.CropScaleMax));
        var logRatio = Math.Log(augmentation.CropRatio);
        for (var attempt = 0u; attempt < Tries; attempt++)
        {
            var words = Philox.Generate(attempt, (uint)example, (uint)epoch, Stream, (uint)seed, (uint)(seed >> 32));
            var part = area * (low + (high - low) * Uniform(words.Word0));
            var ratio = Math.Exp(logRatio * (2.0 * Uniform(words.Word1) - 1.0));
            var (w, h) = (Round(Math.Sqrt(part * ratio)), Round(Math.Sqrt(part / ratio)));
            if (w > width || h > height) continue;
            return new Rectangle(Below(words.Word2, width - w + 1), Below(words.Word3, height - h + 1), w, h);
        }

        var whole = Math.Clamp((double)width / height, 1.0 / augmentation.CropRatio, augmentation.CropRatio);
        return (double)width / height < whole
            ? Middle(width, height, width, width / whole)
            : Middle(width, height, height * whole, height);
    }

    private static Rectangle Middle(int width, int height, double w, double h)
    {
        var (columns, rows) = (Math.Min(width, Round(w)), Math.Min(height, Round(h)));
        return new Rectangle((width - columns) / 2, (height - rows) / 2, columns, rows);
    }

    private static int Round(double length) => Math.Max(1, (int)Math.Round(length));

    private static double Uniform(uint word) => word * (1.0 / 4294967296.0);

    private static int Below(uint word, int bound) => (int)((ulong)word * (uint)bound >> 32);
}
