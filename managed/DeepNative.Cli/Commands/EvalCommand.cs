using System.CommandLine;
using System.Globalization;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>Measures a trained model on the test set.</summary>
internal sealed class EvalCommand : Command
{
    private readonly Argument<string> _run = new("run")
    {
        Description = "A run, a safetensors file, or a model: its latest run",
    };

    private readonly Option<string?> _data = CommonOptions.Data();
    private readonly Option<string?> _folder = CommonOptions.DataFolder();
    private readonly Option<bool> _skipBad = CommonOptions.SkipBad();
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<int?> _threads = CommonOptions.Threads();
    private readonly Option<string?> _precision = CommonOptions.Precision();
    private readonly Option<string?> _json = CommonOptions.Json();

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public EvalCommand(TextWriter output, TextWriter error)
        : base("eval", "Measures a trained model on the test set")
    {
        Arguments.Add(_run);
        foreach (var option in (Option[])[_data, _folder, _skipBad, _device, _threads, _precision, _json]) Options.Add(option);
        SetAction(parsed => Run(new Terminal(output, error, parsed.GetValue(_json)), parsed));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var trained = TrainedModel.Find(parsed.GetRequiredValue(_run));
        var name = DataCommand.NameOf(parsed.GetValue(_data) ?? (trained.Data.Length > 0 ? trained.Data : trained.Model.Recipe?.Data ?? ""));
        if (name.Length == 0) throw new UsageException($"{trained.Path} does not say which data it was trained on; --data names them");
        using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
        terminal.Line($"{trained.Model.Name} from {trained.Path} on {name}, {CommonOptions.Describe(device)}");
        var data = DataCommand.Open(trained, name, parsed.GetValue(_folder), parsed.GetValue(_skipBad), terminal);
        var told = data.Bad.Count;
        var options = new TrainerOptions { Precision = Precisions.Of(parsed.GetValue(_precision), device, terminal) };
        // The rule does nothing here.
        using var trainer = new Trainer(trained.Model.Create(trained.Options), trained.Model.Loss(), new Sgd(learningRate: 1f), device, options: options);
        trainer.Load(trained.Path);
        var result = trainer.Evaluate(data.Test);
        DataCommand.TellBad(data, terminal, told);
        terminal.Line($"test {result}, {Units.Count(result.Count)} images in {Units.Time(result.Seconds)}");
        foreach (var line in EvaluationText.Lines(result, data.ClassNames)) terminal.Line(line);
        if (data.Test.TargetType == DType.Int32 && data.Test.TargetShape.Rank == 2 && result.Confusion is { } confusion) Compare(terminal, confusion.Classes, data);
        if (data.Test.TargetType == DType.Float32 && data.Test.TargetShape.Rank == 3)
            terminal.Line(KeypointScore.Of(data.Test, input => trainer.Predict(input)).ToString());
        terminal.Write(new Measurement
        {
            Command = Name,
            Model = trained.Model.Name,
            Device = device.Info.Name,
            Precision = parsed.GetValue(_precision) ?? Precisions.Float32,
            Seconds = result.Seconds,
            ImagesPerSecond = Measurement.Finite(result.Count / result.Seconds),
            TestError = Measurement.Finite(result.Error),
            TestTop5Error = Measurement.Finite(result.TopFiveError),
            TestMeanIou = Measurement.Finite(result.MeanIntersectionOverUnion),
            PeakBytes = device.Memory.PeakBytes,
        });
        return ExitCodes.Success;
    }

    // What a segmentation is to be compared with: what needs no net.
    private static void Compare(Terminal terminal, int classes, ExampleSplits data)
    {
        if (data.Train.TargetShape != data.Train.InputShape.From(1)) return;
        Tell("baseline, all pixels of the commonest class", SegmentationBaseline.Majority(data.Train, data.Test));
        if (classes != 2 || data.Train.InputType != DType.UInt8) return;
        var (threshold, _, parted) = SegmentationBaseline.Threshold(data.Train, data.Test);
        Tell($"baseline, pixels parted at grey {threshold}, the best on the training set", parted);

        void Tell(string what, ConfusionMatrix matrix)
        {
            var each = Enumerable.Range(0, matrix.Classes).Select(index => string.Create(
                CultureInfo.InvariantCulture, $"{(index < data.ClassNames.Count ? data.ClassNames[index] : index)} {matrix.IntersectionOverUnion(index):0.0000}"));
            terminal.Line(string.Create(
                CultureInfo.InvariantCulture, $"intersection over union {matrix.MeanIntersectionOverUnion:0.0000} ({string.Join(", ", each)}): {what}"));
        }
    }
}
