using System.CommandLine;
using DeepNative.Cli.Output;
using DeepNative.Cli.Reports;

namespace DeepNative.Cli.Commands;

/// <summary>Draws one number of several runs into one chart.</summary>
internal sealed class PlotCommand : Command
{
    private const string Epoch = "epoch";

    private readonly Argument<string[]> _runs = new("run")
    {
        Description = "Runs, or models: their latest runs",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _metric = new("--metric")
    {
        Description = "The number to draw, by its name in metrics.jsonl: train_loss, train_error, validation_error, learning_rate, ...",
        DefaultValueFactory = _ => "train_loss",
    };

    private readonly Option<string> _over = new Option<string>("--over")
    {
        Description = "What the horizontal axis is",
        DefaultValueFactory = _ => Epoch,
    }.AcceptOnlyFromAmong(Epoch, "step", "seconds");

    private readonly Option<string> _svg = new("--svg") { Description = "The file to write", Required = true };
    private readonly Option<string[]> _labels = new("--labels")
    {
        Description = "Names of the lines, as many as runs, separated by commas. Default: the runs' names",
        HelpName = "A,B",
        CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(','))],
    };

    private readonly Option<string?> _title = new("--title") { Description = "The text above the chart. Default: the metric" };
    private readonly Option<bool> _log = new("--log") { Description = "A logarithmic axis for the number" };

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public PlotCommand(TextWriter output, TextWriter error)
        : base("plot", "Draws curves of several runs into one SVG file")
    {
        Arguments.Add(_runs);
        foreach (var option in (Option[])[_metric, _over, _svg, _labels, _title, _log]) Options.Add(option);
        SetAction(parsed => Run(new Terminal(output, error), parsed));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var (metric, over, path) = (parsed.GetValue(_metric)!, parsed.GetValue(_over)!, parsed.GetRequiredValue(_svg));
        var histories = Array.ConvertAll(parsed.GetRequiredValue(_runs), name => RunHistory.Read(ReportCommand.FindRun(name)));
        var labels = parsed.GetValue(_labels) is { Length: > 0 } asked ? asked : Array.ConvertAll(histories, history => history.Name);
        if (labels.Length != histories.Length)
            throw new UsageException($"--labels names {labels.Length} lines for {histories.Length} runs");
        // Fractions are read in percent.
        var percent = metric.EndsWith("_error", StringComparison.Ordinal) || metric.EndsWith("_iou", StringComparison.Ordinal);
        var series = new ChartSeries[histories.Length];
        for (var i = 0; i < series.Length; i++)
        {
            var points = histories[i].Points(metric, over, percent);
            if (points.Count == 0)
            {
                var known = histories[i].Names is { Count: > 0 } names ? string.Join(", ", names) : "nothing yet";
                throw new UsageException($"the run '{histories[i].Name}' has no '{metric}' over '{over}'; it has {known}");
            }

            series[i] = new ChartSeries(labels[i], points);
        }

        var shown = metric.Replace('_', ' ');
        var chart = new Chart
        {
            Title = parsed.GetValue(_title) ?? shown,
            X = new Axis(over) { Whole = over != "seconds" },
            Y = new Axis(percent ? shown + ", %" : shown, parsed.GetValue(_log) ? AxisScale.Logarithmic : AxisScale.Linear) { FromZero = true },
            Series = series,
        };
        File.WriteAllText(path, chart.ToSvg());
        terminal.Line(path);
        return ExitCodes.Success;
    }
}
