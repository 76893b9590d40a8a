using System.CommandLine;
using System.Runtime.InteropServices;
using DeepNative.Cli.Output;
using DeepNative.Cli.Reports;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>Writes the report of a run anew.</summary>
internal sealed class ReportCommand : Command
{
    private readonly Argument<string> _run = new("run") { Description = "A run, or a model: its latest run" };
    private readonly Option<bool> _noTest = new("--no-test") { Description = "Leave out the test set: curves, filters and settings alone" };
    private readonly Option<string?> _folder = CommonOptions.DataFolder();
    private readonly Option<bool> _skipBad = CommonOptions.SkipBad();
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<int?> _threads = CommonOptions.Threads();

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public ReportCommand(TextWriter output, TextWriter error)
        : base("report", "Writes runs/NAME/report.html: curves, filters, confusion matrix, examples")
    {
        Arguments.Add(_run);
        foreach (var option in (Option[])[_noTest, _folder, _skipBad, _device, _threads]) Options.Add(option);
        SetAction(parsed => Run(new Terminal(output, error), parsed));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var run = FindRun(parsed.GetRequiredValue(_run));
        TestReview? review = null;
        if (!parsed.GetValue(_noTest) && (File.Exists(run.Weights) || File.Exists(run.Checkpoint)))
        {
            var trained = TrainedModel.Find(run.Path);
            var data = DataCommand.Open(trained, trained.Data, parsed.GetValue(_folder), parsed.GetValue(_skipBad), terminal);
            using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
            using var predictor = Predictor.Open(trained.Path, device, trained.Model.Create(trained.Options), trained.Model.Loss());
            review = TestReview.Of(
                inputs => data.Test.InputType == DType.UInt8 ? predictor.Predict(inputs) : predictor.Predict(MemoryMarshal.Cast<byte, float>(inputs)),
                data.Test, data.ClassNames,
                ModelSummary.Of(trained.Model.Create(trained.Options), predictor.InputShape).MultiplyAdds);
        }

        terminal.Line(RunReport.Write(run, review));
        return ExitCodes.Success;
    }

    /// <summary>Finds a run by what a user calls it.</summary>
    /// <param name="name">A run, the path of its folder, or a model: its latest run.</param>
    /// <returns>The run.</returns>
    /// <exception cref="UsageException">There is none; lists the runs.</exception>
    public static RunFolder FindRun(string name) =>
        RunFolder.Find(name) ?? RunFolder.FindLatest(name) ?? throw new UsageException(
            $"there is no run '{name}' in {RunFolder.Root}/ ({(RunFolder.Names() is { Count: > 0 } runs ? string.Join(", ", runs) : "none yet")})");
}
