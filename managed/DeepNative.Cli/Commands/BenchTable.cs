using System.Diagnostics;
using System.Globalization;
using System.Text;
using DeepNative.Cli.Output;
using DeepNative.Cli.Reports;
using DeepNative.Layers;
using DeepNative.Models;
using Spectre.Console;

namespace DeepNative.Cli.Commands;

/// <summary>Measures the forward pass of several nets at several batch sizes, with random weights.</summary>
internal sealed class BenchTable
{
    /// <summary>Batch sizes of Canziani's figure.</summary>
    public static IReadOnlyList<int> UsualBatches { get; } = [1, 2, 4, 8, 16, 32, 64];

    // A quick pass is repeated longer than asked for: its time is otherwise that of the clock.
    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(200);

    private readonly List<Row> _rows;
    private readonly IReadOnlyList<int> _batches;

    /// <summary>A table of what was measured.</summary>
    /// <param name="batches">The batch sizes.</param>
    /// <param name="rows">The nets, with a cell for each batch size.</param>
    public BenchTable(IReadOnlyList<int> batches, IEnumerable<Row> rows)
    {
        _batches = batches;
        _rows = [.. rows];
    }

    /// <summary>The nets, as far as they were measured.</summary>
    public IReadOnlyList<Row> Rows => _rows;

    /// <summary>Measures.</summary>
    /// <param name="terminal">Told after each net.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="nets">What to measure.</param>
    /// <param name="batches">At which batch sizes, rising.</param>
    /// <param name="repeats">Passes of which the median is taken.</param>
    /// <param name="seed">Of weights and data.</param>
    /// <param name="options">How to compile.</param>
    /// <param name="token">Ends it after the current pass; what was measured stays.</param>
    /// <returns>The table.</returns>
    public static BenchTable Measure(
        Terminal terminal, Device device, IReadOnlyList<PublishedNet> nets, IReadOnlyList<int> batches, int repeats, ulong seed,
        CompileOptions options, CancellationToken token)
    {
        var table = new BenchTable(batches, []);
        foreach (var net in nets)
        {
            if (token.IsCancellationRequested) break;
            if (!ModelRegistry.TryGet(net.Model, out var entry))
            {
                table._rows.Add(new Row(net, 0, 0, Array.ConvertAll([.. batches], _ => new Cell(null, null, "no such model in this build"))));
                continue;
            }

            var summary = ModelSummary.Of(entry.Create(), entry.InputShape);
            var cells = new Cell[batches.Count];
            for (var i = 0; i < cells.Length; i++)
            {
                cells[i] = token.IsCancellationRequested
                    ? new Cell(null, null, "interrupted")
                    // What did not fit does not fit in larger.
                    : i > 0 && cells[i - 1].Seconds is null ? cells[i - 1] : Time(device, entry, batches[i], repeats, seed, options);
            }

            table._rows.Add(new Row(net, 2 * summary.MultiplyAdds, summary.Parameters, cells));
            terminal.Line($"{net.Label}: {string.Join(", ", cells.Select((cell, i) => $"{batches[i]}: {Milliseconds(cell, batches[i])}"))} ms per image");
        }

        return table;
    }

    /// <summary>Writes the table for people.</summary>
    /// <param name="terminal">Where to.</param>
    public void Print(Terminal terminal)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("net");
        foreach (var name in (string[])["G-Ops", "M parameters", "top-1 %"]) table.AddColumn(new TableColumn(name).RightAligned());
        foreach (var batch in _batches) table.AddColumn(new TableColumn($"ms, batch {batch}").RightAligned());
        table.AddColumn(new TableColumn($"MiB, batch {_batches[0]}").RightAligned());
        if (_batches.Count > 1) table.AddColumn(new TableColumn($"MiB, batch {_batches[^1]}").RightAligned());
        foreach (var row in _rows)
        {
            var texts = new List<string>
            {
                row.Net.Label, Text(row.Operations / 1e9), Text(row.Parameters / 1e6), Text(row.Net.Accuracy),
            };
            texts.AddRange(row.Cells.Select((cell, i) => Milliseconds(cell, _batches[i])));
            texts.Add(Text(row.Cells[0].Bytes / 1048576.0));
            if (_batches.Count > 1) texts.Add(Text(row.Cells[^1].Bytes / 1048576.0));
            table.AddRow([.. texts.Select(text => new Text(text))]);
        }

        terminal.Console.Write(table);
        terminal.Line("ms: forward pass per image, median; G-Ops: 10^9 operations per image, a multiply-add counts as two; MiB: weights and planned values");
        terminal.Line(PublishedNet.Source);
        foreach (var reason in _rows.SelectMany(row => row.Cells.Select((cell, i) => (row.Net.Label, Batch: _batches[i], cell.Reason))).Where(cell => cell.Reason is not null).DistinctBy(cell => (cell.Label, cell.Reason)))
            terminal.Line($"-: {reason.Label} from batch {reason.Batch}: {reason.Reason}");
    }

    /// <summary>The table as comma-separated values, a line for each net and batch size.</summary>
    /// <param name="device">The device's name.</param>
    /// <returns>The text.</returns>
    public string ToCsv(string device)
    {
        var text = new StringBuilder("net,model,device,batch,operations,parameters,top1_percent,milliseconds_per_image,bytes,reason\n");
        foreach (var row in _rows)
        {
            for (var i = 0; i < row.Cells.Count; i++)
            {
                var cell = row.Cells[i];
                text.Append(CultureInfo.InvariantCulture, $"{Quote(row.Net.Label)},{Quote(row.Net.Model)},{Quote(device)},{_batches[i]},{row.Operations},{row.Parameters},");
                text.Append(CultureInfo.InvariantCulture, $"{row.Net.Accuracy:0.00},{1e3 * cell.Seconds / _batches[i]:0.#####},{cell.Bytes},{Quote(cell.Reason ?? "")}\n");
            }
        }

        return text.ToString();
    }

    /// <summary>Two charts: time per image over the batch size; accuracy over operations.</summary>
    /// <param name="device">The device's name.</param>
    /// <returns>The SVG file.</returns>
    public string ToSvg(string device)
    {
        var times = new Chart
        {
            Title = $"Forward time per image, {device}",
            X = new Axis("batch size", AxisScale.Binary),
            Y = new Axis("ms per image", AxisScale.Logarithmic),
            Series =
            [
                .. _rows.Select(row => new ChartSeries(
                    row.Net.Label, [.. row.Cells.Select((cell, i) => new ChartPoint(_batches[i], 1e3 * cell.Seconds / _batches[i] ?? double.NaN))])
                {
                    Dashed = _rows.IndexOf(row) >= SvgWriter.ColorCount,
                }),
            ],
        };
        var accuracy = new Chart
        {
            Title = "Top-1 accuracy against operations (area: parameters)",
            X = new Axis("G-Ops per image") { FromZero = true },
            Y = new Axis("top-1, %"),
            Series =
            [
                .. _rows.Select(row => new ChartSeries(
                    row.Net.Label,
                    row.Operations == 0 ? [] : [new ChartPoint(row.Operations / 1e9, row.Net.Accuracy ?? double.NaN, Radius(row.Parameters), row.Net.Label)])
                {
                    Bubbles = true,
                }),
            ],
            ShowsLegend = false,
        };
        return Chart.Beside($"{times.Title}; {accuracy.Title}", [times, accuracy]);
    }

    private static double Radius(long parameters) => 28 * Math.Sqrt(parameters / 150e6);

    private static Cell Time(Device device, ModelEntry entry, int batch, int repeats, ulong seed, CompileOptions options)
    {
        try
        {
            var room = device.Memory.AvailableBytes;
            using var step = new BenchStep(device, entry, batch, training: false, seed, options);
            var report = step.Program.Report();
            var bytes = report.PersistentBytes + report.TransientPeakBytes;
            // Memory of the host is given by the page, when it is written.
            if (bytes > room) return new Cell(null, null, $"needs {Units.Bytes(bytes)} of memory, there are {Units.Bytes(room)}");
            step.Run();
            var times = new List<double>();
            var start = Stopwatch.GetTimestamp();
            while (times.Count < repeats || Stopwatch.GetElapsedTime(start) < _shortest)
            {
                var begin = Stopwatch.GetTimestamp();
                step.Run();
                times.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
            }

            times.Sort();
            return new Cell(times.Count % 2 == 1 ? times[times.Count / 2] : (times[times.Count / 2 - 1] + times[times.Count / 2]) / 2, bytes, null);
        }
        catch (OutOfDeviceMemoryException exception)
        {
            return new Cell(null, null, exception.Message);
        }
    }

    private static string Milliseconds(Cell cell, int batch) =>
        1e3 * cell.Seconds / batch is { } value ? value.ToString(value < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture) : "-";

    private static string Text(double? value) => value switch
    {
        >= 100 => value.Value.ToString("0", CultureInfo.InvariantCulture),
        >= 0.1 => value.Value.ToString("0.00", CultureInfo.InvariantCulture),
        > 0 => value.Value.ToString("0.0000", CultureInfo.InvariantCulture),
        _ => "-",
    };

    private static string Quote(string text) => text.AsSpan().ContainsAny(",\"\n\r") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;

    /// <summary>A net's line.</summary>
    /// <param name="Net">The net.</param>
    /// <param name="Operations">Of one image: multiplications and additions; 0: unknown.</param>
    /// <param name="Parameters">Its trained values.</param>
    /// <param name="Cells">One for each batch size.</param>
    public sealed record Row(PublishedNet Net, long Operations, long Parameters, IReadOnlyList<Cell> Cells);

    /// <summary>A net at a batch size.</summary>
    /// <param name="Seconds">The median time of a pass over the whole batch; null: not measured.</param>
    /// <param name="Bytes">Weights, input and planned values.</param>
    /// <param name="Reason">Why it was not measured.</param>
    public sealed record Cell(double? Seconds, long? Bytes, string? Reason);
}
