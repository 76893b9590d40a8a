namespace DeepNative.Data;

/// <summary>A rectangle of pixels.</summary>
/// <param name="Left">The first column.</param>
/// <param name="Top">The first row.</param>
/// <param name="Right">The column behind the last.</param>
/// <param name="Bottom">The row behind the last.</param>
public readonly record struct PixelBox(int Left, int Top, int Right, int Bottom)
{
    /// <summary>Its pixels; 0 where it is empty.</summary>
    public long Area => (long)Math.Max(Right - Left, 0) * Math.Max(Bottom - Top, 0);

    /// <summary>
    /// The box around what a heat map shows, by the rule of Zhou et al. ("Learning deep features for discriminative
    /// localization", 2016): of the pixels above a part of the largest value, the largest connected part.
    /// </summary>
    /// <param name="map">The heat map, row-major, of at least one pixel.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="threshold">The part, 0 to 1.</param>
    /// <returns>The box; empty where no value is above 0.</returns>
    /// <exception cref="ArgumentException">The pixels are not whole rows.</exception>
    public static PixelBox Around(ReadOnlySpan<float> map, int width, float threshold = 0.2f)
    {
        var (_, _, largest) = Peak(map, width);
        if (!(largest > 0f)) return default;
        var isHot = new bool[map.Length];
        for (var i = 0; i < map.Length; i++) isHot[i] = map[i] >= threshold * largest;
        var (labels, count) = ConnectedComponents.Label(isHot, width);
        var sizes = new int[count + 1];
        foreach (var label in labels) sizes[label]++;
        sizes[0] = 0;
        var part = Array.IndexOf(sizes, sizes.Max());
        var box = new PixelBox(int.MaxValue, int.MaxValue, 0, 0);
        for (var i = 0; i < labels.Length; i++)
            if (labels[i] == part) box = box.With(i % width, i / width);
        return box;
    }

    /// <summary>The first of a map's largest values.</summary>
    /// <param name="map">The map, row-major, of at least one pixel.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <returns>Its column, its row and itself.</returns>
    /// <exception cref="ArgumentException">The pixels are not whole rows.</exception>
    public static (int X, int Y, float Value) Peak(ReadOnlySpan<float> map, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (map.IsEmpty || map.Length % width != 0) throw new ArgumentException($"{map.Length} pixels are not whole rows of {width}.", nameof(map));
        var best = 0;
        for (var i = 1; i < map.Length; i++)
            if (map[i] > map[best]) best = i;
        return (best % width, best / width, map[best]);
    }

    /// <summary>Whether a pixel is in it.</summary>
    /// <param name="x">The column.</param>
    /// <param name="y">The row.</param>
    /// <returns>The answer.</returns>
    public bool Contains(int x, int y) => x >= Left && x < Right && y >= Top && y < Bottom;

    /// <summary>The pixels that both have, divided by those that either has.</summary>
    /// <param name="other">Another box.</param>
    /// <returns>0 to 1; 0 where both are empty.</returns>
    public double IntersectionOverUnion(PixelBox other)
    {
        var shared = new PixelBox(Math.Max(Left, other.Left), Math.Max(Top, other.Top), Math.Min(Right, other.Right), Math.Min(Bottom, other.Bottom)).Area;
        var union = Area + other.Area - shared;
        return union == 0 ? 0.0 : (double)shared / union;
    }

    private PixelBox With(int x, int y) => new(Math.Min(Left, x), Math.Min(Top, y), Math.Max(Right, x + 1), Math.Max(Bottom, y + 1));
}
