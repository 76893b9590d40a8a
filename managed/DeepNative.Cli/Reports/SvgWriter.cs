using System.Globalization;
using System.Text;

namespace DeepNative.Cli.Reports;

/// <summary>Writes the elements of one SVG picture.</summary>
internal sealed class SvgWriter
{
    /// <summary>The height of ordinary text in pixels.</summary>
    public const double FontSize = 12;

    /// <summary>Colours of series, distinguishable on light and on dark ground.</summary>
    public const int ColorCount = 8;

    // Blue, orange, green, red, violet, ochre, teal, grey: all of middling lightness.
    private const string Series =
        ".s0{stroke:#3b82f6}.f0{fill:#3b82f6}.s1{stroke:#f97316}.f1{fill:#f97316}.s2{stroke:#22a06b}.f2{fill:#22a06b}.s3{stroke:#e0475b}.f3{fill:#e0475b}"
        + ".s4{stroke:#9b6ef3}.f4{fill:#9b6ef3}.s5{stroke:#b58900}.f5{fill:#b58900}.s6{stroke:#17a2b8}.f6{fill:#17a2b8}.s7{stroke:#8c8c8c}.f7{fill:#8c8c8c}";

    /// <summary>The style sheet of all charts: light, and dark where the reader's system is.</summary>
    public const string Style =
        ".chart{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px}.chart text{fill:#24292f}.chart .ground{fill:#ffffff}"
        + ".chart .grid{stroke:#d8dee4}.chart .axis{stroke:#57606a}.chart .title{font-size:14px;font-weight:600}.chart .line{fill:none;stroke-width:1.8;stroke-linejoin:round}"
        + ".chart .bubble{fill-opacity:.35;stroke-width:1.2}.chart text.strong{fill:#ffffff}" + Series
        + "@media(prefers-color-scheme:dark){.chart text{fill:#e6edf3}.chart .ground{fill:#14181d}.chart .grid{stroke:#343b44}.chart .axis{stroke:#9aa4af}}";

    private readonly StringBuilder _text = new();

    /// <summary>Begins a picture.</summary>
    /// <param name="width">Its width in pixels.</param>
    /// <param name="height">Its height.</param>
    /// <param name="title">What it shows, also for readers that do not see it.</param>
    /// <param name="standalone">Whether it is a file of its own, which brings its style sheet along.</param>
    public SvgWriter(double width, double height, string title, bool standalone)
    {
        var (w, h) = (Number(width), Number(height));
        _text.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">\n");
        _text.Append(CultureInfo.InvariantCulture, $"<title>{Escape(title)}</title>\n");
        if (standalone) _text.Append(CultureInfo.InvariantCulture, $"<style>{Style}</style>\n");
        Rectangle(0, 0, width, height, "ground");
    }

    /// <summary>The picture.</summary>
    /// <returns>The closed element.</returns>
    public override string ToString() => _text + "</svg>\n";

    /// <summary>Puts another picture into this one.</summary>
    /// <param name="left">Where.</param>
    /// <param name="svg">The picture.</param>
    public void Insert(double left, string svg) =>
        _text.Append(CultureInfo.InvariantCulture, $"<g transform=\"translate({Number(left)} 0)\">\n{svg}</g>\n");

    /// <summary>Draws a line.</summary>
    public void Line(double x1, double y1, double x2, double y2, string style) =>
        _text.Append(CultureInfo.InvariantCulture, $"<line class=\"{style}\" x1=\"{Number(x1)}\" y1=\"{Number(y1)}\" x2=\"{Number(x2)}\" y2=\"{Number(y2)}\"/>\n");

    /// <summary>Fills a rectangle.</summary>
    public void Rectangle(double x, double y, double width, double height, string style, double opacity = 1)
    {
        _text.Append(CultureInfo.InvariantCulture, $"<rect class=\"{style}\" x=\"{Number(x)}\" y=\"{Number(y)}\" width=\"{Number(width)}\" height=\"{Number(height)}\"");
        if (opacity < 1) _text.Append(CultureInfo.InvariantCulture, $" fill-opacity=\"{Number(opacity)}\"");
        _text.Append("/>\n");
    }

    /// <summary>Draws a circle.</summary>
    public void Circle(double x, double y, double radius, string style, string? tip = null)
    {
        _text.Append(CultureInfo.InvariantCulture, $"<circle class=\"{style}\" cx=\"{Number(x)}\" cy=\"{Number(y)}\" r=\"{Number(radius)}\"");
        _text.Append(tip is null ? "/>\n" : $"><title>{Escape(tip)}</title></circle>\n");
    }

    /// <summary>Draws a line through points.</summary>
    /// <param name="points">At least two.</param>
    /// <param name="style">Its classes.</param>
    /// <param name="dashed">Whether it is dashed.</param>
    public void Path(IReadOnlyList<(double X, double Y)> points, string style, bool dashed)
    {
        _text.Append(CultureInfo.InvariantCulture, $"<polyline class=\"{style}\"{(dashed ? " stroke-dasharray=\"6 4\"" : "")} points=\"");
        for (var i = 0; i < points.Count; i++)
            _text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : " ")}{Number(points[i].X)},{Number(points[i].Y)}");
        _text.Append("\"/>\n");
    }

    /// <summary>Writes a text.</summary>
    /// <param name="x">Where it is anchored.</param>
    /// <param name="y">Its base line.</param>
    /// <param name="text">The text, any characters.</param>
    /// <param name="anchor">"start", "middle" or "end".</param>
    /// <param name="style">Its classes, or empty.</param>
    /// <param name="rotation">Degrees around the anchor, clockwise.</param>
    /// <param name="size">The height in pixels.</param>
    public void Text(double x, double y, string text, string anchor, string style = "", double rotation = 0, double size = FontSize)
    {
        if (text.Length == 0) return;
        _text.Append(CultureInfo.InvariantCulture, $"<text x=\"{Number(x)}\" y=\"{Number(y)}\" text-anchor=\"{anchor}\"");
        if (style.Length > 0) _text.Append(CultureInfo.InvariantCulture, $" class=\"{style}\"");
        if (size != FontSize) _text.Append(CultureInfo.InvariantCulture, $" font-size=\"{Number(size)}\"");
        if (rotation != 0) _text.Append(CultureInfo.InvariantCulture, $" transform=\"rotate({Number(rotation)} {Number(x)} {Number(y)})\"");
        _text.Append(CultureInfo.InvariantCulture, $">{Escape(text)}</text>\n");
    }

    /// <summary>About how wide a text is: fonts differ from reader to reader.</summary>
    /// <param name="text">The text.</param>
    /// <param name="size">The height in pixels.</param>
    /// <returns>Pixels, rather too many than too few.</returns>
    public static double Width(string text, double size = FontSize)
    {
        var width = 0.0;
        foreach (var rune in text.EnumerateRunes())
        {
            width += rune.Value switch
            {
                >= 0x1100 => 1.05,
                ' ' or '.' or ',' or ':' or ';' or '|' or '\'' or 'i' or 'j' or 'l' or '(' or ')' or '/' => 0.38,
                'm' or 'w' or 'M' or 'W' or '%' or '@' => 0.98,
                >= 'A' and <= 'Z' => 0.72,
                _ => 0.62,
            };
        }

        return width * size;
    }

    /// <summary>Cuts a text that is too wide.</summary>
    /// <param name="text">The text.</param>
    /// <param name="width">The room in pixels.</param>
    /// <param name="size">The height of the text.</param>
    /// <returns>The text, or its beginning with an ellipsis.</returns>
    public static string Fit(string text, double width, double size = FontSize)
    {
        if (Width(text, size) <= width) return text;
        var kept = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (Width(kept.ToString() + rune + "\u2026", size) > width) break;
            kept.Append(rune);
        }

        return kept + "\u2026";
    }

    /// <summary>A text inside XML: markup is escaped, characters that XML does not know are replaced.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>The text for elements and attributes.</returns>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '<': escaped.Append("&lt;"); break;
                case '>': escaped.Append("&gt;"); break;
                case '&': escaped.Append("&amp;"); break;
                case '"': escaped.Append("&quot;"); break;
                case '\'': escaped.Append("&#39;"); break;
                case (< 0x20 and not ('\t' or '\n' or '\r')) or 0xFFFE or 0xFFFF: escaped.Append('\uFFFD'); break;
                default: escaped.Append(rune); break;
            }
        }

        return escaped.ToString();
    }

    /// <summary>A coordinate: hundredths of a pixel are enough.</summary>
    /// <param name="value">A finite number.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentOutOfRangeException">It is not finite.</exception>
    public static string Number(double value) => double.IsFinite(value)
        ? Math.Round(value, 2).ToString("0.##", CultureInfo.InvariantCulture)
        : throw new ArgumentOutOfRangeException(nameof(value), value, "a coordinate is not finite.");
}
