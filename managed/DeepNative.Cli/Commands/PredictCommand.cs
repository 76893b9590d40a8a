using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DeepNative.Cli.Images;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>Says what a trained model sees in images.</summary>
internal sealed class PredictCommand : Command
{
    private const int MostClasses = 5;
    private const int BarWidth = 40;

    private readonly Argument<string> _run = new("run")
    {
        Description = "A run, a safetensors file, or a model: its latest run",
    };

    private readonly Argument<string[]> _files = new("file")
    {
        Description = "JPEG, PNG, PGM or PPM, or an item of an IDX file as FILE:NUMBER",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<bool> _invert = new("--invert")
    {
        Description = "Swap dark and light first: for dark ink on light paper, where a model learned light on dark",
    };

    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<int?> _threads = CommonOptions.Threads();
    private readonly Option<string?> _precision = CommonOptions.Precision();
    private readonly Option<string?> _json = CommonOptions.Json();

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public PredictCommand(TextWriter output, TextWriter error)
        : base("predict", "Says what a trained model sees in images")
    {
        Arguments.Add(_run);
        Arguments.Add(_files);
        foreach (var option in (Option[])[_invert, _device, _threads, _precision, _json]) Options.Add(option);
        SetAction(parsed => Run(new Terminal(output, error, parsed.GetValue(_json)), parsed));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var start = Stopwatch.GetTimestamp();
        var trained = TrainedModel.Find(parsed.GetRequiredValue(_run));
        var files = parsed.GetRequiredValue(_files);
        var pictures = Array.ConvertAll(files, PictureFile.Read);
        var shape = trained.InputShape;
        var (channels, height, width) = ((int)shape[0], (int)shape[1], (int)shape[2]);
        // All are decoded before the device is opened: a bad one is told at once.
        var invert = parsed.GetValue(_invert);
        var inputs = Array.ConvertAll(pictures, picture => picture.ToPlanes(channels, height, width, invert, trained.KnowsFolder));
        using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
        var compile = new CompileOptions { Precision = Precisions.Of(parsed.GetValue(_precision), device, terminal) };
        using var predictor = Predictor.Open(trained.Path, device, trained.Model.Create(trained.Options), options: compile);
        var names = ClassNames(trained);
        var first = double.NaN;
        for (var i = 0; i < files.Length; i++)
        {
            var picture = pictures[i];
            var prediction = predictor.Predict(inputs[i]);
            if (prediction.Shape.Rank != 2)
                throw new UsageException($"{trained.Model.Name} gives {prediction.Shape} for a picture, not the classes of all of it; deepnative segment shows those of its pixels");
            if (trained.KnowsFolder)
                terminal.Line($"{files[i]}: the middle of {picture.Width}x{picture.Height}, resized to {width}x{height}");
            else if (picture.Width != width || picture.Height != height)
                terminal.Line($"{files[i]}: resized from {picture.Width}x{picture.Height} to {width}x{height}");
            if (i == 0) first = Stopwatch.GetElapsedTime(start).TotalSeconds;
            Show(terminal, files[i], prediction[0], names);
        }

        terminal.Write(new Measurement
        {
            Command = Name,
            Model = trained.Model.Name,
            Device = device.Info.Name,
            Precision = parsed.GetValue(_precision) ?? Precisions.Float32,
            Batch = 1,
            Steps = files.Length,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
            PeakBytes = device.Memory.PeakBytes,
            FirstStepSeconds = first,
        });
        return ExitCodes.Success;
    }

    private static void Show(Terminal terminal, string file, ReadOnlySpan<float> probabilities, IReadOnlyList<string>? names)
    {
        var values = probabilities.ToArray();
        var order = Enumerable.Range(0, values.Length).OrderByDescending(index => values[index]).Take(MostClasses).ToArray();
        var label = order.Max(index => ClassName(names, index).Length);
        terminal.Line($"{file}: {ClassName(names, order[0])}");
        foreach (var index in order)
        {
            var bar = new string('#', (int)Math.Round(BarWidth * values[index]));
            terminal.Line(string.Create(
                CultureInfo.InvariantCulture, $"  {ClassName(names, index).PadRight(label)} {100 * values[index],6:0.00} %  {bar}"));
        }
    }

    private static string ClassName(IReadOnlyList<string>? names, int index) =>
        names is not null && index < names.Count ? names[index] : index.ToString(CultureInfo.InvariantCulture);

    private static IReadOnlyList<string>? ClassNames(TrainedModel trained) =>
        trained.ClassNames.Count > 0 ? trained.ClassNames
        : Datasets.ClassNamesOf(trained.Data);
}
