namespace DeepNative.Cli.Reports;

/// <summary>A point of a chart.</summary>
/// <param name="X">Where it is; not drawn where an axis cannot show it.</param>
/// <param name="Y">Where it is; the same.</param>
/// <param name="Radius">Of bubbles, in pixels.</param>
/// <param name="Label">Written beside a bubble; null: nothing.</param>
internal readonly record struct ChartPoint(double X, double Y, double Radius = 0, string? Label = null);

/// <summary>Points that belong together.</summary>
/// <param name="Name">For the legend.</param>
/// <param name="Points">The points, in the order in which the line goes through them.</param>
internal sealed record ChartSeries(string Name, IReadOnlyList<ChartPoint> Points)
{
    /// <summary>Whether the points are bubbles; else they are joined by a line.</summary>
    public bool Bubbles { get; init; }

    /// <summary>Whether the line is dashed.</summary>
    public bool Dashed { get; init; }
}

/// <summary>A chart of lines or bubbles over two axes, as SVG.</summary>
internal sealed class Chart
{
    private const double Gap = 10;
    private const double TitleHeight = 34;
    private const double LegendRow = 20;
    private const double Swatch = 22;
    private const double LabelSize = 11;
    private const int FarthestLabel = 12;
    private const int MostPoints = 1200;
    // Lines of fewer points also show the points.
    private const int FewPoints = 25;

    /// <summary>Above the chart.</summary>
    public required string Title { get; init; }

    /// <summary>The axis to the right.</summary>
    public required Axis X { get; init; }

    /// <summary>The axis upwards.</summary>
    public required Axis Y { get; init; }

    /// <summary>What is drawn.</summary>
    public required IReadOnlyList<ChartSeries> Series { get; init; }

    /// <summary>The whole width in pixels.</summary>
    public double Width { get; init; } = 640;

    /// <summary>The height in pixels without the legend.</summary>
    public double Height { get; init; } = 380;

    /// <summary>Whether several series are named below the chart.</summary>
    public bool ShowsLegend { get; init; } = true;

    /// <summary>Draws the chart.</summary>
    /// <param name="standalone">Whether it is a file of its own.</param>
    /// <returns>The SVG element.</returns>
    public string ToSvg(bool standalone = true) => Draw(standalone).Svg;

    /// <summary>Draws charts side by side into one file.</summary>
    /// <param name="title">What they show, for readers that do not see them.</param>
    /// <param name="charts">From left to right.</param>
    /// <returns>The SVG element.</returns>
    public static string Beside(string title, IReadOnlyList<Chart> charts)
    {
        var drawn = charts.Select(chart => chart.Draw(standalone: false)).ToArray();
        var svg = new SvgWriter(charts.Sum(chart => chart.Width), drawn.Max(chart => chart.Height), title, standalone: true);
        var left = 0.0;
        for (var i = 0; i < drawn.Length; i++)
        {
            svg.Insert(left, drawn[i].Svg);
            left += charts[i].Width;
        }

        return svg.ToString();
    }

    private (string Svg, double Height) Draw(bool standalone)
    {
        var points = Series.SelectMany(series => series.Points).Where(point => X.Shows(point.X) && Y.Shows(point.Y)).ToArray();
        var y = Y.Fit(points.Select(point => point.Y), most: 7);
        var left = 28 + y.Labels.Max(label => SvgWriter.Width(label));
        var plot = (Left: left, Top: TitleHeight, Right: Width - 24, Bottom: Height - 46);
        var x = X.Fit(points.Select(point => point.X), most: (int)Math.Clamp((plot.Right - plot.Left) / 62, 2, 12));
        var legend = Legend(plot.Right - plot.Left);
        var height = Height + legend.Count * LegendRow + (legend.Count > 0 ? 8 : 0);
        var svg = new SvgWriter(Width, height, Title, standalone);
        svg.Text(plot.Left, 21, SvgWriter.Fit(Title, Width - plot.Left - Gap, 14), "start", "title");
        DrawAxes(svg, x, y, plot);
        (double X, double Y) At(ChartPoint point) =>
            (plot.Left + x.Position(point.X) * (plot.Right - plot.Left), plot.Bottom - y.Position(point.Y) * (plot.Bottom - plot.Top));
        for (var i = 0; i < Series.Count; i++)
        {
            if (!Series[i].Bubbles) DrawLine(svg, Series[i], i % SvgWriter.ColorCount, At);
        }

        DrawBubbles(svg, At, plot);
        DrawLegend(svg, legend, plot.Left);
        return (svg.ToString(), height);
    }

    private void DrawAxes(SvgWriter svg, Ticks x, Ticks y, (double Left, double Top, double Right, double Bottom) plot)
    {
        for (var i = 0; i < y.Values.Count; i++)
        {
            var at = plot.Bottom - y.Position(y.Values[i]) * (plot.Bottom - plot.Top);
            svg.Line(plot.Left, at, plot.Right, at, "grid");
            svg.Text(plot.Left - 6, at + 4, y.Labels[i], "end");
        }

        for (var i = 0; i < x.Values.Count; i++)
        {
            var at = plot.Left + x.Position(x.Values[i]) * (plot.Right - plot.Left);
            svg.Line(at, plot.Top, at, plot.Bottom, "grid");
            svg.Text(at, plot.Bottom + 17, x.Labels[i], "middle");
        }

        svg.Line(plot.Left, plot.Bottom, plot.Right, plot.Bottom, "axis");
        svg.Line(plot.Left, plot.Top, plot.Left, plot.Bottom, "axis");
        svg.Text((plot.Left + plot.Right) / 2, plot.Bottom + 37, SvgWriter.Fit(X.Label, plot.Right - plot.Left), "middle");
        svg.Text(14, (plot.Top + plot.Bottom) / 2, SvgWriter.Fit(Y.Label, plot.Bottom - plot.Top), "middle", rotation: -90);
    }

    // A point that cannot be drawn interrupts the line.
    private void DrawLine(SvgWriter svg, ChartSeries series, int color, Func<ChartPoint, (double X, double Y)> at)
    {
        var path = new List<(double X, double Y)>();
        var marks = series.Points.Count <= FewPoints;
        foreach (var point in Thin(series.Points))
        {
            if (X.Shows(point.X) && Y.Shows(point.Y))
            {
                path.Add(at(point));
                if (marks) svg.Circle(path[^1].X, path[^1].Y, 2.6, $"f{color}");
            }
            else
            {
                End();
            }
        }

        End();

        void End()
        {
            if (path.Count > 1) svg.Path(path, $"line s{color}", series.Dashed);
            else if (path.Count == 1 && !marks) svg.Circle(path[0].X, path[0].Y, 2.6, $"f{color}");
            path.Clear();
        }
    }

    private void DrawBubbles(SvgWriter svg, Func<ChartPoint, (double X, double Y)> at, (double Left, double Top, double Right, double Bottom) plot)
    {
        var taken = new List<(double Left, double Top, double Right, double Bottom)>();
        var bubbles = new List<(double X, double Y, double Radius)>();
        var labels = new List<(double X, double Y, double Radius, string Text)>();
        for (var i = 0; i < Series.Count; i++)
        {
            if (!Series[i].Bubbles) continue;
            foreach (var point in Series[i].Points.Where(point => X.Shows(point.X) && Y.Shows(point.Y)).OrderByDescending(point => point.Radius))
            {
                var (x, y) = at(point);
                var color = i % SvgWriter.ColorCount;
                svg.Circle(x, y, Math.Max(3, point.Radius), $"bubble s{color} f{color}", point.Label);
                svg.Circle(x, y, 1.6, $"f{color}");
                taken.Add((x - 3, y - 3, x + 3, y + 3));
                bubbles.Add((x, y, Math.Max(3, point.Radius)));
                if (point.Label is { Length: > 0 } label) labels.Add((x, y, Math.Max(3, point.Radius), label));
            }
        }

        // The first place beside the bubble where the text meets neither another text nor the edge; farther off a line leads to it.
        foreach (var (x, y, radius, text) in labels)
        {
            var width = SvgWriter.Width(text, LabelSize);
            (double X, double Y)[] places =
            [
                (x + radius + 4, y + 4), (x - radius - 4 - width, y + 4), (x - width / 2, y - radius - 5), (x - width / 2, y + radius + 13),
                (x + 5, y - radius - 5), (x + 5, y + radius + 13), (x - width - 5, y - radius - 5), (x - width - 5, y + radius + 13),
                (x + 6, y + 4), (x - 6 - width, y + 4),
            ];
            var place = Array.Find(places, corner => IsFree(corner) && !bubbles.Exists(bubble => bubble.X != x && Covers(bubble, corner)));
            if (place == default) place = Array.Find(places, IsFree);
            for (var rows = 1; place == default && rows <= FarthestLabel; rows++)
            {
                var shift = radius + 5 + rows * 13;
                place = Array.Find([(x + 8, y - shift), (x + 8, y + shift), (x - width - 8, y - shift), (x - width - 8, y + shift)], IsFree);
                if (place != default) svg.Line(x, y, place.X < x ? place.X + width : place.X, place.Y - 4, "grid");
            }

            if (place == default) place = places[0] with { X = Math.Min(places[0].X, plot.Right - width) };
            taken.Add(Box(place));
            svg.Text(place.X, place.Y, text, "start", size: LabelSize);

            (double Left, double Top, double Right, double Bottom) Box((double X, double Y) corner) => (corner.X, corner.Y - 10, corner.X + width, corner.Y + 3);

            bool Covers((double X, double Y, double Radius) bubble, (double X, double Y) corner)
            {
                var box = Box(corner);
                var (dx, dy) = (bubble.X - Math.Clamp(bubble.X, box.Left, box.Right), bubble.Y - Math.Clamp(bubble.Y, box.Top, box.Bottom));
                return dx * dx + dy * dy < bubble.Radius * bubble.Radius;
            }

            bool IsFree((double X, double Y) corner)
            {
                var box = Box(corner);
                return box.Left >= plot.Left && box.Right <= Width - 2 && box.Top >= plot.Top && box.Bottom <= plot.Bottom
                    && taken.TrueForAll(other => box.Right < other.Left || other.Right < box.Left || box.Bottom < other.Top || other.Bottom < box.Top);
            }
        }
    }

    // Rows of series, as many in one as there is room for; a single series needs no legend.
    private List<List<(int Index, string Name)>> Legend(double room)
    {
        var rows = new List<List<(int Index, string Name)>>();
        if (!ShowsLegend) return rows;
        if (Series.Count < 2 && !(Series.Count == 1 && Series[0].Dashed)) return rows;
        var used = double.PositiveInfinity;
        for (var i = 0; i < Series.Count; i++)
        {
            var name = SvgWriter.Fit(Series[i].Name, room - Swatch - 6);
            var width = Swatch + 6 + SvgWriter.Width(name) + 2 * Gap;
            if (used + width > room + 2 * Gap)
            {
                rows.Add([]);
                used = 0;
            }

            rows[^1].Add((i, name));
            used += width;
        }

        return rows;
    }

    private void DrawLegend(SvgWriter svg, List<List<(int Index, string Name)>> rows, double left)
    {
        var y = Height + 7;
        foreach (var row in rows)
        {
            var x = left;
            foreach (var (index, name) in row)
            {
                var color = index % SvgWriter.ColorCount;
                if (Series[index].Bubbles) svg.Circle(x + Swatch / 2, y, 5, $"bubble s{color} f{color}");
                else svg.Path([(x, y), (x + Swatch, y)], $"line s{color}", Series[index].Dashed);
                svg.Text(x + Swatch + 6, y + 4, name, "start");
                x += Swatch + 6 + SvgWriter.Width(name) + 2 * Gap;
            }

            y += LegendRow;
        }
    }

    // More points than pixels only make the file large. The last one stays.
    private static IEnumerable<ChartPoint> Thin(IReadOnlyList<ChartPoint> points)
    {
        var every = Math.Max(1, (points.Count + MostPoints - 1) / MostPoints);
        for (var i = 0; i < points.Count; i += every) yield return points[i];
        if (every > 1 && (points.Count - 1) % every != 0) yield return points[^1];
    }
}
