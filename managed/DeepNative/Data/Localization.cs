using System.Drawing;

namespace DeepNative.Data;

/// <summary>Where a heat map says that an object is, and how well that fits.</summary>
public static class Localization
{
    /// <summary>The first of a map's largest values.</summary>
    /// <param name="map">The map, row-major, of at least one pixel.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <returns>Its place and itself.</returns>
    /// <exception cref="ArgumentException">The pixels are not whole rows.</exception>
    public static (Point Place, float Value) Peak(ReadOnlySpan<float> map, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (map.IsEmpty || map.Length % width != 0) throw new ArgumentException($"{map.Length} pixels are not whole rows of {width}.", nameof(map));
        var best = 0;
        for (var i = 1; i < map.Length; i++)
            if (map[i] > map[best]) best = i;
        return (new Point(best % width, best / width), map[best]);
    }

    /// <summary>
    /// The box around what a heat map shows, by the rule of Zhou et al. ("Learning deep features for discriminative
    /// localization", 2016): of the pixels above a part of the largest value, the largest connected part.
    /// </summary>
    /// <param name="map">The heat map, row-major, of at least one pixel.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="threshold">The part, 0 to 1.</param>
    /// <returns>The box; empty where no value is above 0.</returns>
    /// <exception cref="ArgumentException">The pixels are not whole rows.</exception>
    public static Rectangle BoxAround(ReadOnlySpan<float> map, int width, float threshold = 0.2f)
    {
        var (_, largest) = Peak(map, width);
        if (!(largest > 0f)) return default;
        var isHot = new bool[map.Length];
        for (var i = 0; i < map.Length; i++) isHot[i] = map[i] >= threshold * largest;
        var (labels, count) = ConnectedComponents.Label(isHot, width);
        var sizes = new int[count + 1];
        foreach (var label in labels) sizes[label]++;
        sizes[0] = 0;
        var part = Array.IndexOf(sizes, sizes.Max());
        Rectangle? box = null;
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] != part) continue;
            var pixel = new Rectangle(i % width, i / width, 1, 1);
            box = box is { } known ? Rectangle.Union(known, pixel) : pixel;
        }

        return box ?? default;
    }

    /// <summary>The pixels that both boxes have, divided by those that either has.</summary>
    /// <param name="first">A box.</param>
    /// <param name="second">Another.</param>
    /// <returns>0 to 1; 0 where both are empty.</returns>
    public static double IntersectionOverUnion(Rectangle first, Rectangle second)
    {
        var shared = Area(Rectangle.Intersect(first, second));
        var union = Area(first) + Area(second) - shared;
        return union == 0 ? 0.0 : (double)shared / union;

        static long Area(Rectangle box) => (long)box.Width * box.Height;
    }
}
