using System.Globalization;
using System.Text;
using System.Text.Json;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Serialization;

namespace DeepNative.Cli.Reports;

/// <summary>report.html of a run: one file without scripts or links, well-formed as XML too.</summary>
internal static class RunReport
{
    /// <summary>The file's name in the folder of the run.</summary>
    public const string FileName = "report.html";

    private const int MostClassRows = 200;

    // The text of the page itself; charts bring theirs.
    private const string Style =
        ":root{color-scheme:light dark}body{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:14px;line-height:1.45;margin:24px auto;max-width:1340px;"
        + "padding:0 16px;color:#24292f;background:#ffffff}h1{font-size:24px;margin:0}h2{font-size:18px;margin:32px 0 10px}.muted{color:#57606a}"
        + ".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:18px 0}.tile{border:1px solid #d8dee4;border-radius:8px;padding:8px 16px}.tile b{display:block;font-size:20px}"
        + ".row{display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start}svg{max-width:100%;height:auto}table{border-collapse:collapse}"
        + "th,td{padding:3px 12px 3px 0;text-align:left;vertical-align:top}th{font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
        + "tr+tr td{border-top:1px solid #d8dee4}figure{margin:0;width:112px}figure img{width:112px;height:112px;object-fit:contain;background:#8888;image-rendering:pixelated}"
        + "figcaption{font-size:12px;line-height:1.3;overflow-wrap:anywhere}.wrong{color:#cf222e}.filters{image-rendering:pixelated;max-width:100%}"
        + ".mask{margin-bottom:14px}.mask figure,.mask figure img{width:240px;height:auto}.scroll{overflow-x:auto}"
        + "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#14181d}.muted{color:#9aa4af}.tile,tr+tr td{border-color:#343b44}.wrong{color:#ff7b72}}";

    /// <summary>Writes the report, atomically.</summary>
    /// <param name="run">The run; what it has written so far is read.</param>
    /// <param name="review">The model on the test set; null: left out.</param>
    /// <returns>The file.</returns>
    public static string Write(RunFolder run, TestReview? review)
    {
        var path = Path.Combine(run.Path, FileName);
        using var file = AtomicFile.Create(path);
        file.Stream.Write(Encoding.UTF8.GetBytes(Html(run, review)));
        file.Commit();
        return path;
    }

    /// <summary>The page.</summary>
    /// <param name="run">The run.</param>
    /// <param name="review">The model on the test set, or null.</param>
    /// <returns>The text.</returns>
    public static string Html(RunFolder run, TestReview? review)
    {
        var history = RunHistory.Read(run);
        var configuration = run.ReadConfiguration();
        var metrics = run.ReadMetrics();
        var page = new StringBuilder();
        page.Append("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n");
        page.Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
        page.Append(CultureInfo.InvariantCulture, $"<title>{Text(run.Name)}</title>\n<style>{Style}{SvgWriter.Style}</style>\n</head>\n<body>\n");
        page.Append(CultureInfo.InvariantCulture, $"<h1>{Text(run.Name)}</h1>\n");
        page.Append(CultureInfo.InvariantCulture, $"<div class=\"muted\">{Text(Subtitle(configuration))}</div>\n");
        Tiles(page, configuration, metrics, history);
        Curves(page, history);
        Filters(page, run);
        if (review is not null) Review(page, review);
        Settings(page, run);
        page.Append("</body>\n</html>\n");
        return page.ToString();
    }

    private static string Subtitle(RunConfiguration configuration) => string.Create(
        CultureInfo.InvariantCulture,
        $"{configuration.Model} on {configuration.Recipe.Data}, {configuration.OptimizerSettings}, batch {configuration.Recipe.Batch}, {configuration.Recipe.Precision}, "
        + $"seed {configuration.Seed}; {configuration.Device} ({configuration.DeviceDescription}), DeepNative {configuration.Version.Split('+')[0]}, "
        + $"{configuration.Started:yyyy-MM-dd HH:mm} UTC");

    private static void Tiles(StringBuilder page, RunConfiguration configuration, RunMetrics metrics, RunHistory history)
    {
        page.Append("<div class=\"tiles\">\n");
        var error = metrics.TestError ?? history.Last("test_error");
        if (error is { } value) Tile(metrics.TestError is null ? "validation error, last" : "test error", value.ToString("P2", CultureInfo.InvariantCulture));
        if ((metrics.TestMeanIou ?? history.Last("validation_mean_iou")) is { } overlap)
            Tile($"mean intersection over union{(metrics.TestMeanIou is null ? ", last validation" : "")}", overlap.ToString("P2", CultureInfo.InvariantCulture));
        // While a run goes on, metrics.json is an epoch behind the lines.
        if ((history.Last("train_loss") ?? metrics.TrainLoss) is { } loss) Tile("train loss", loss.ToString("0.0000", CultureInfo.InvariantCulture));
        Tile("epochs", string.Create(CultureInfo.InvariantCulture, $"{history.EpochCount} of {configuration.Recipe.Epochs}"));
        if ((metrics.ImagesPerSecond ?? history.Last("images_per_second")) is { } rate) Tile("images/s", Units.Rate(rate));
        var seconds = history.Last("seconds");
        if (Math.Max(metrics.Seconds, seconds ?? 0) is > 0 and var time) Tile("time", Units.Time(time));
        if (history.Last("data_seconds") is { } waited && seconds is > 0 and { } all)
            Tile("time that waited for data", (waited / all).ToString("P1", CultureInfo.InvariantCulture));
        page.Append("</div>\n");

        void Tile(string name, string text) =>
            page.Append(CultureInfo.InvariantCulture, $"<div class=\"tile\"><span class=\"muted\">{Text(name)}</span><b>{Text(text)}</b></div>\n");
    }

    private static void Curves(StringBuilder page, RunHistory history)
    {
        page.Append("<h2>Curves</h2>\n<div class=\"row\">\n");
        var charts = 0;
        Add("Loss", "loss", fall: true, ("train_loss", "training"), ("validation_loss", "validation"));
        Add("Error", "wrong predictions, %", fall: true, ("train_error", "training"), ("validation_error", "validation"), ("validation_top5_error", "validation, top 5"));
        Add("Intersection over union", "IoU, %", fall: false, ("validation_mean_iou", "validation"));
        if (history.StepPoints("learning_rate") is { Count: > 1 } rates)
            Draw(new Chart { Title = "Learning rate", X = new Axis("step"), Y = new Axis("learning rate") { FromZero = true }, Series = [new ChartSeries("learning rate", rates)] });
        else
            Add("Learning rate", "learning rate", fall: false, ("learning_rate", "learning rate"));
        Add("Speed", "images/s", fall: false, ("images_per_second", "images/s"));
        var steps = history.StepPoints("train_loss");
        if (steps.Count > 1)
            Draw(new Chart { Title = "Loss of the steps", X = new Axis("step"), Y = Scale(steps, "loss"), Series = [new ChartSeries("training", steps)] });
        var norms = history.StepPoints("gradient_norm");
        if (norms.Count > 1)
            Draw(new Chart { Title = "Gradient norm", X = new Axis("step"), Y = Scale(norms, "norm"), Series = [new ChartSeries("norm", norms)] });
        if (charts == 0) page.Append("<p class=\"muted\">No epoch is done yet.</p>\n");
        page.Append("</div>\n");

        void Add(string title, string label, bool fall, params (string Name, string Shown)[] lines)
        {
            var series = lines.Select(line => new ChartSeries(line.Shown, history.Points(line.Name, percent: label.EndsWith('%')))).Where(line => line.Points.Count > 0).ToArray();
            if (series.Length == 0) return;
            var y = fall ? Scale([.. series.SelectMany(line => line.Points)], label) : new Axis(label) { FromZero = true };
            // One line has no legend.
            var name = series.Length == 1 && lines.Length > 1 ? $"{title}, {series[0].Name}" : title;
            Draw(new Chart { Title = name, X = new Axis("epoch") { Whole = true }, Y = y, Series = series });
        }

        void Draw(Chart chart)
        {
            charts++;
            page.Append(chart.ToSvg(standalone: false));
        }
    }

    // What falls by more than a factor of some tens is seen on a logarithmic axis only.
    private static Axis Scale(IReadOnlyList<ChartPoint> points, string label)
    {
        var positive = points.Where(point => double.IsFinite(point.Y)).ToArray();
        var wide = positive.Length > 0 && positive.Min(point => point.Y) > 0 && positive.Max(point => point.Y) > 30 * positive.Min(point => point.Y);
        return new Axis(label, wide ? AxisScale.Logarithmic : AxisScale.Linear) { FromZero = !wide };
    }

    private static void Filters(StringBuilder page, RunFolder run)
    {
        var path = File.Exists(run.Weights) ? run.Weights : run.Checkpoint;
        if (!File.Exists(path) || Reports.Filters.Read(path) is not { } filters) return;
        page.Append("<h2>First layer</h2>\n");
        page.Append(CultureInfo.InvariantCulture, $"<p class=\"muted\">{Text(filters.Tensor)}: {Text(filters.Description)}, each from its smallest weight (black) to its largest (white)</p>\n");
        page.Append(CultureInfo.InvariantCulture, $"<img class=\"filters\" alt=\"filters of the first layer\" width=\"{filters.Width}\" height=\"{filters.Height}\" src=\"{DataUri(filters.Png)}\"/>\n");
    }

    private static void Review(StringBuilder page, TestReview review)
    {
        var some = review.Count < review.Total ? $"{Units.Count(review.Count)} of {Units.Count(review.Total)}, evenly spread" : Units.Count(review.Count);
        page.Append(CultureInfo.InvariantCulture, $"<h2>Test set</h2>\n<p class=\"muted\">{Text(review.Name)}: {some} examples, ");
        page.Append(CultureInfo.InvariantCulture, $"{review.Accuracy:P2} of the {(review.IsSegmentation ? "pixels" : "examples")} right</p>\n<div class=\"row\">\n");
        if (review.Confusion is { } confusion)
            page.Append(CultureInfo.InvariantCulture, $"<div class=\"scroll\">{HeatMap.ToSvg("Confusion matrix", review.Classes, confusion, standalone: false)}</div>\n");
        page.Append("<table>\n<tr><th>class</th><th class=\"n\">");
        page.Append(review.IsSegmentation ? "pixels" : "examples");
        page.Append("</th><th class=\"n\">recall</th><th class=\"n\">precision</th>");
        page.Append(review.IsSegmentation ? "<th class=\"n\">IoU</th></tr>\n" : "</tr>\n");
        var order = Enumerable.Range(0, review.Classes.Count).ToArray();
        // Of very many classes the worst.
        if (order.Length > MostClassRows) order = [.. order.OrderBy(review.Recall).Take(MostClassRows)];
        foreach (var i in order)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(review.Classes[i])}</td><td class=\"n\">{Units.Count(review.Support(i))}</td>");
            page.Append(CultureInfo.InvariantCulture, $"<td class=\"n\">{Part(review.Recall(i))}</td><td class=\"n\">{Part(review.Precision(i))}</td>");
            page.Append(review.IsSegmentation ? $"<td class=\"n\">{Part(review.Intersection(i))}</td></tr>\n" : "</tr>\n");
        }

        if (review.IsSegmentation)
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>mean</td><td></td><td></td><td></td><td class=\"n\">{Part(review.MeanIntersection)}</td></tr>\n");
        page.Append("</table>\n</div>\n");
        Examples(page, "Worst mistakes", review.Mistakes, review.Classes);
        Examples(page, "Right", review.Right, review.Classes);
        if (review.Masks.Count == 0) return;
        page.Append("<h2>Segmentations</h2>\n");
        foreach (var mask in review.Masks)
        {
            page.Append("<div class=\"row mask\">\n");
            if (mask.Input is { } input) Figure(page, input, $"input {mask.Index}");
            Figure(page, mask.Truth, "truth");
            Figure(page, mask.Prediction, $"prediction, IoU {Part(mask.Intersection)}");
            page.Append("</div>\n");
        }
    }

    private static void Examples(StringBuilder page, string title, IReadOnlyList<ReviewedExample> examples, IReadOnlyList<string> classes)
    {
        if (!examples.Any(example => example.Picture is not null)) return;
        page.Append(CultureInfo.InvariantCulture, $"<h2>{title}</h2>\n<div class=\"row\">\n");
        foreach (var example in examples)
        {
            if (example.Picture is not { } picture) continue;
            var truth = example.Truth == example.Predicted
                ? ""
                : $"<br/>true: {Text(classes[example.Truth])} ({Part(example.TruthProbability)})";
            page.Append(CultureInfo.InvariantCulture, $"<figure><img alt=\"test example {example.Index}\" src=\"{DataUri(picture)}\"/><figcaption>");
            page.Append(CultureInfo.InvariantCulture, $"<span{(truth.Length > 0 ? " class=\"wrong\"" : "")}>{Text(classes[example.Predicted])} ({Part(example.Probability)})</span>{truth}");
            page.Append(CultureInfo.InvariantCulture, $"<br/><span class=\"muted\">no. {example.Index}</span></figcaption></figure>\n");
        }

        page.Append("</div>\n");
    }

    private static void Figure(StringBuilder page, byte[] png, string caption) =>
        page.Append(CultureInfo.InvariantCulture, $"<figure><img alt=\"{Text(caption)}\" src=\"{DataUri(png)}\"/><figcaption>{Text(caption)}</figcaption></figure>\n");

    // Everything that config.json holds, whatever that is.
    private static void Settings(StringBuilder page, RunFolder run)
    {
        page.Append("<h2>Settings</h2>\n<table>\n");
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(run.Path, "config.json")));
        Add("", document.RootElement);
        page.Append("</table>\n");

        void Add(string prefix, JsonElement group)
        {
            foreach (var setting in group.EnumerateObject())
            {
                var value = setting.Value;
                if (value.ValueKind == JsonValueKind.Object)
                {
                    Add($"{prefix}{setting.Name}.", value);
                    continue;
                }

                var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
                if (text.Length == 0 || text == "[]" || value.ValueKind == JsonValueKind.Null) continue;
                page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(prefix + setting.Name)}</td><td>{Text(text)}</td></tr>\n");
            }
        }
    }

    private static string Part(double value) => double.IsFinite(value) ? value.ToString("P1", CultureInfo.InvariantCulture) : "-";

    private static string DataUri(byte[] png) => "data:image/png;base64," + Convert.ToBase64String(png);

    private static string Text(string text) => SvgWriter.Escape(text);
}
