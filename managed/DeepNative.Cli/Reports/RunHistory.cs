using System.Text.Json;
using DeepNative.Cli.Runs;

namespace DeepNative.Cli.Reports;

/// <summary>The numbers of a run, epoch by epoch and step by step, by the names that they have in its files.</summary>
internal sealed class RunHistory
{
    // Old and new names of the same number.
    private static readonly (string Name, string Other)[] _synonyms =
    [
        ("test_error", "validation_error"), ("test_loss", "validation_loss"), ("images_per_second", "examples_per_second"),
        ("mean_iou", "validation_mean_iou"),
    ];

    private readonly List<Dictionary<string, double>> _epochs = [];
    private readonly List<Dictionary<string, double>> _steps = [];

    private RunHistory(string name) => Name = name;

    /// <summary>The run's name.</summary>
    public string Name { get; }

    /// <summary>Every number that some epoch or step has, by name.</summary>
    public IReadOnlyList<string> Names =>
        [.. _epochs.Concat(_steps).SelectMany(entry => entry.Keys).Where(name => name is not ("epoch" or "step")).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>Whole epochs.</summary>
    public int EpochCount => _epochs.Count;

    /// <summary>Reads what a run has written so far.</summary>
    /// <param name="run">The run.</param>
    /// <returns>The numbers of metrics.jsonl, or where there is none, of metrics.json.</returns>
    /// <exception cref="InvalidDataException">metrics.json is damaged.</exception>
    public static RunHistory Read(RunFolder run)
    {
        var history = new RunHistory(run.Name);
        var lines = Path.Combine(run.Path, "metrics.jsonl");
        var whole = Path.Combine(run.Path, "metrics.json");
        if (File.Exists(lines)) history.ReadLines(lines);
        if (history._epochs.Count == 0 && File.Exists(whole)) history.ReadWhole(whole);
        return history;
    }

    /// <summary>One number over the run.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="axis">The name of what it is drawn over: "epoch", "step", "seconds".</param>
    /// <param name="percent">Whether the number is a fraction that is shown in percent.</param>
    /// <returns>The points; of the steps only where no epoch has the number.</returns>
    public IReadOnlyList<ChartPoint> Points(string name, string axis = "epoch", bool percent = false)
    {
        var points = Points(_epochs, name, axis);
        if (points.Count == 0) points = Points(_steps, name, axis);
        return percent ? points.ConvertAll(point => point with { Y = 100 * point.Y }) : points;
    }

    /// <summary>One number of the steps.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>The points over the step.</returns>
    public IReadOnlyList<ChartPoint> StepPoints(string name) => Points(_steps, name, "step");

    /// <summary>The last value of a number.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>The value; null where there is none.</returns>
    public double? Last(string name)
    {
        for (var i = _epochs.Count - 1; i >= 0; i--)
            if (Find(_epochs[i], name) is { } value) return value;
        return null;
    }

    private static List<ChartPoint> Points(List<Dictionary<string, double>> entries, string name, string axis)
    {
        var points = new List<ChartPoint>();
        foreach (var entry in entries)
            if (Find(entry, name) is { } y && Find(entry, axis) is { } x) points.Add(new ChartPoint(x, y));
        return points;
    }

    private static double? Find(Dictionary<string, double> entry, string name)
    {
        if (entry.TryGetValue(name, out var value)) return value;
        foreach (var (one, other) in _synonyms)
        {
            if (name == one && entry.TryGetValue(other, out value)) return value;
            if (name == other && entry.TryGetValue(one, out value)) return value;
        }

        return null;
    }

    private void ReadLines(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (reader.ReadLine() is { } line)
        {
            try
            {
                using var document = JsonDocument.Parse(line);
                var kind = document.RootElement.TryGetProperty("event", out var element) ? element.GetString() : "epoch";
                if (kind is "epoch" or "step") (kind == "epoch" ? _epochs : _steps).Add(Numbers(document.RootElement));
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                // The end of a line that a run is writing, or that a crash cut off.
            }
        }
    }

    private void ReadWhole(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (!document.RootElement.TryGetProperty("epochs", out var epochs)) return;
            foreach (var epoch in epochs.EnumerateArray()) _epochs.Add(Numbers(epoch));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"'{path}' is damaged: {exception.Message}", exception);
        }
    }

    private static Dictionary<string, double> Numbers(JsonElement entry)
    {
        var numbers = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var property in entry.EnumerateObject())
            if (property.Value.ValueKind == JsonValueKind.Number) numbers[property.Name] = property.Value.GetDouble();
        return numbers;
    }
}
