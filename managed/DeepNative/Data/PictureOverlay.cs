namespace DeepNative.Data;

/// <summary>Pictures of what a net sees: its numbers in colour over the picture.</summary>
public static class PictureOverlay
{
    /// <summary>A heat map over a picture: from blue at 0 over green and yellow to red at the largest value.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="heat">A number for each of its pixels; those below 0 count as 0.</param>
    /// <param name="share">The part that the colours have, 0 to 1.</param>
    /// <returns>A colour picture of the same size.</returns>
    /// <exception cref="ArgumentException">There are not as many numbers as pixels.</exception>
    public static Picture Heat(Picture picture, ReadOnlySpan<float> heat, float share = 0.5f)
    {
        Check(picture, heat.Length);
        var largest = 0f;
        foreach (var value in heat) largest = MathF.Max(largest, value);
        var colours = new (float Red, float Green, float Blue)[heat.Length];
        for (var i = 0; i < heat.Length; i++)
        {
            var level = largest > 0f ? 4f * MathF.Max(heat[i], 0f) / largest : 0f;
            colours[i] = (Ramp(level - 3f), Ramp(level - 2f), Ramp(level - 1f));
        }

        return Blend(picture, i => colours[i], _ => share);

        // A tent of height 1 with a flat top, two steps wide.
        static float Ramp(float place) => Math.Clamp(1.5f - MathF.Abs(place), 0f, 1f);
    }

    /// <summary>The classes of pixels over a picture, each in a colour of its own; class 0 shows the picture as it is.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="classes">A class for each of its pixels, from 0.</param>
    /// <param name="share">The part that the colours have, 0 to 1.</param>
    /// <returns>A colour picture of the same size.</returns>
    /// <exception cref="ArgumentException">There are not as many classes as pixels.</exception>
    public static Picture Classes(Picture picture, int[] classes, float share = 0.5f)
    {
        ArgumentNullException.ThrowIfNull(classes);
        Check(picture, classes.Length);
        return Blend(picture, i => Colour(classes[i]), i => classes[i] == 0 ? 0f : share);

        // Hues a golden section apart differ for any number of classes.
        static (float Red, float Green, float Blue) Colour(int label)
        {
            var hue = label * 0.61803399f % 1f * 6f;
            return (Part(hue + 2f), Part(hue), Part(hue - 2f));
        }

        static float Part(float hue) => Math.Clamp(2f - MathF.Abs((hue + 6f) % 6f - 2f), 0f, 1f);
    }

    /// <summary>Two pictures of the same height beside each other, in colour.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <returns>The joined picture.</returns>
    /// <exception cref="ArgumentException">The heights differ.</exception>
    public static Picture Beside(Picture left, Picture right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (left.Height != right.Height) throw new ArgumentException($"the pictures are {left.Height} and {right.Height} high.", nameof(right));
        var width = left.Width + right.Width;
        var planes = new byte[3 * left.Height * width];
        for (var row = 0; row < 3 * left.Height; row++)
        {
            var (channel, y) = (row / left.Height, row % left.Height);
            Row(left, channel, y).CopyTo(planes.AsSpan(row * width));
            Row(right, channel, y).CopyTo(planes.AsSpan(row * width + left.Width));
        }

        return new Picture(width, left.Height, 3, planes);

        static ReadOnlySpan<byte> Row(Picture picture, int channel, int y) =>
            picture.Planes.AsSpan(((picture.Channels == 1 ? 0 : channel) * picture.Height + y) * picture.Width, picture.Width);
    }

    private static Picture Blend(Picture picture, Func<int, (float Red, float Green, float Blue)> colour, Func<int, float> share)
    {
        var count = picture.Width * picture.Height;
        var planes = new byte[3 * count];
        for (var i = 0; i < count; i++)
        {
            var ((red, green, blue), part) = (colour(i), share(i));
            for (var channel = 0; channel < 3; channel++)
            {
                var value = picture.Planes[(picture.Channels == 1 ? 0 : channel) * count + i];
                var over = channel switch { 0 => red, 1 => green, _ => blue };
                planes[channel * count + i] = (byte)MathF.Round(value * (1f - part) + 255f * over * part);
            }
        }

        return new Picture(picture.Width, picture.Height, 3, planes);
    }

    private static void Check(Picture picture, int count)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (count != picture.Width * picture.Height)
            throw new ArgumentException($"there are {count} numbers for a picture of {picture.Height} x {picture.Width}.", nameof(count));
    }
}
