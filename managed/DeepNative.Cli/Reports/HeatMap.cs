using System.Globalization;

namespace DeepNative.Cli.Reports;

/// <summary>A confusion matrix as SVG: rows are the truth, columns what was predicted, the colour is the part of the row.</summary>
internal static class HeatMap
{
    /// <summary>Up to so many classes the cells show their numbers.</summary>
    public const int MostNumbers = 20;

    /// <summary>Up to so many classes there is a picture.</summary>
    public const int MostClasses = 128;

    private const int FewClasses = 6;
    private const double LongestName = 110;
    private const double SmallText = 10;

    /// <summary>Draws the matrix.</summary>
    /// <param name="title">Above it.</param>
    /// <param name="names">The classes.</param>
    /// <param name="counts">[truth, predicted], square, as many rows as names.</param>
    /// <param name="standalone">Whether it is a file of its own.</param>
    /// <returns>The SVG element.</returns>
    public static string ToSvg(string title, IReadOnlyList<string> names, long[,] counts, bool standalone = true)
    {
        var count = names.Count;
        if (counts.GetLength(0) != count || counts.GetLength(1) != count)
            throw new ArgumentException($"{counts.GetLength(0)} x {counts.GetLength(1)} counts for {count} names.", nameof(counts));
        // Counts of pixels are long.
        var cell = Math.Clamp(560.0 / Math.Max(1, count), 6, count <= FewClasses ? 76 : 44);
        var every = (int)Math.Ceiling(12 / cell);
        var shown = Array.ConvertAll([.. names], name => SvgWriter.Fit(name, LongestName, SmallText));
        var room = shown.Length == 0 ? 0 : shown.Max(name => SvgWriter.Width(name, SmallText));
        var (left, top) = (room + 34, 58 + room);
        var svg = new SvgWriter(Math.Max(left + count * cell + 20, 320), top + count * cell + 20, title, standalone);
        svg.Text(14, 21, title, "start", "title");
        svg.Text(left + count * cell / 2, 44, "predicted", "middle");
        svg.Text(14, top + count * cell / 2, "true", "middle", rotation: -90);
        for (var row = 0; row < count; row++)
        {
            var total = 0L;
            for (var column = 0; column < count; column++) total += counts[row, column];
            var y = top + row * cell;
            if (row % every == 0)
            {
                svg.Text(left - 6, y + cell / 2 + 3.5, shown[row], "end", size: SmallText);
                svg.Text(left + row * cell + cell / 2 + 3.5, top - 6, shown[row], "start", rotation: -90, size: SmallText);
            }

            for (var column = 0; column < count; column++)
            {
                var value = counts[row, column];
                if (value == 0) continue;
                var part = (double)value / total;
                var x = left + column * cell;
                // Rare mistakes are to be seen too.
                svg.Rectangle(x, y, cell, cell, row == column ? "f0" : "f3", 0.12 + 0.88 * part);
                if (count > MostNumbers) continue;
                var text = value.ToString(CultureInfo.InvariantCulture);
                var size = Math.Min(11, 11 * (cell - 4) / Math.Max(1, SvgWriter.Width(text, 11)));
                svg.Text(x + cell / 2, y + cell / 2 + size / 3, text, "middle", part > 0.6 ? "strong" : "", size: Math.Max(5, size));
            }
        }

        for (var i = 0; i <= count; i += count > MostNumbers ? count : 1)
        {
            svg.Line(left, top + i * cell, left + count * cell, top + i * cell, "grid");
            svg.Line(left + i * cell, top, left + i * cell, top + count * cell, "grid");
            if (count == 0) break;
        }

        return svg.ToString();
    }
}
