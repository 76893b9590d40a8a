using System.Globalization;
using System.Runtime.InteropServices;
using DeepNative.Cli.Events;
using DeepNative.Cli.Output;
using DeepNative.Cli.Reports;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Models;
using DeepNative.Recipes;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>One training from the data to the finished run folder.</summary>
internal sealed class TrainingSession(
    Terminal terminal, Device device, ModelEntry model, DatasetDescription? description = null)
{
    private const int StepsShownPerEpoch = 20;

    /// <summary>The weights of the best epoch.</summary>
    public const string KeepBest = "best";

    /// <summary>The weights of the last epoch.</summary>
    public const string KeepLast = "last";

    /// <summary>What is trained and how.</summary>
    public required RunConfiguration Configuration { get; init; }

    /// <summary>The run to continue; null: a new one.</summary>
    public RunFolder? Resumed { get; init; }

    /// <summary>The name of a new run; null: the model's, numbered.</summary>
    public string? RunName { get; init; }

    /// <summary>Where data sets lie; null: the default.</summary>
    public string? DataFolder { get; init; }

    /// <summary>Threads that decode pictures; 0: the default.</summary>
    public int Workers { get; init; }

    /// <summary>Epochs between two checkpoints.</summary>
    public required int CheckpointEvery { get; init; }

    /// <summary>Whether every epoch ends with a test.</summary>
    public bool Validate { get; init; }

    /// <summary>Whether every epoch ends with a test on the training set.</summary>
    public bool MeasuresTraining { get; init; }

    /// <summary>Whether progress is shown.</summary>
    public bool ShowProgress { get; init; }

    /// <summary>Steps between two lines of metrics; null: some an epoch.</summary>
    public int? LogEvery { get; init; }

    /// <summary>Whether report.html and TensorBoard's event file are written.</summary>
    public bool WritesReport { get; init; } = true;

    private Recipe Recipe => Configuration.Recipe;

    /// <summary>Trains, tests, writes.</summary>
    /// <returns>The exit code.</returns>
    public int Train()
    {
        using var interruption = new Interruption();
        terminal.Line($"{model.Name} on {Recipe.Data}, {CommonOptions.Describe(device)}");
        var data = OpenData(interruption.Token);
        var told = data.Bad.Count;
        var (train, validation) = HoldOut(data);
        var statistics = Statistics(data.Train);
        var options = DataCommand.OptionsFor(data);
        var classes = options.Classes ?? model.Classes;
        if (Configuration.ReplaceHead > 0 && Configuration.ReplaceHead != classes)
            throw new UsageException($"--replace-head {Configuration.ReplaceHead}: {Recipe.Data} has {classes} classes");
        using var trainer = new Trainer(CreateModel(options), RunLoss.Create(model, Recipe, train, classes), Recipe.CreateOptimizer(), device, Configuration.Seed, new TrainerOptions
        {
            Schedule = Recipe.CreateSchedule(),
            Clipping = Recipe.CreateClipping(),
            AccumulationSteps = Recipe.Accumulate,
            Averaging = Recipe.CreateAveraging(),
            Normalization = statistics,
            Augmentation = Recipe.Augmentation,
            Precision = Precisions.Of(Recipe.Precision, device, terminal),
            Workers = Workers,
            ModelName = model.Name,
            ModelOptions = options,
            DataName = Recipe.Data,
            ClassNames = data.ClassNames,
        });
        if (Resumed is null && Configuration.From.Length > 0) Transfer(trainer, options);
        var before = Resumed?.ReadMetrics() ?? new RunMetrics { Epochs = [] };
        if (Resumed is not null) Resume(trainer, Resumed, before);
        var run = Resumed ?? RunFolder.Create(RunName, model.Name);
        run.Write(Configuration with
        {
            InputMean = statistics is null ? [] : statistics.Mean.ToArray(),
            InputDeviation = statistics is null ? [] : statistics.Deviation.ToArray(),
            InputShape = Extents(data.Train.InputShape),
            ClassNames = [.. data.ClassNames],
        });
        using var progress = new TrainingDisplay(terminal, run, before, trainer.Epoch, ShowProgress) { HeldOut = validation is not null };
        using var lines = new MetricsLog(Path.Combine(run.Path, "metrics.jsonl"));
        using var board = new TensorBoardLog(run.Path);
        var fit = progress.Show(() => trainer.Fit(
            train,
            new FitOptions
            {
                Epochs = Recipe.Epochs,
                Batch = Recipe.Batch,
                MeasuresTraining = MeasuresTraining,
                Progress = progress,
                Observers = WritesReport ? [lines, board, new ReportWriter(run)] : [lines],
                StepInterval = LogEvery ?? Math.Max(1, train.Count / Recipe.Batch / StepsShownPerEpoch),
                Checkpoint = new CheckpointOptions(run.Checkpoint, CheckpointEvery),
                Validation = validation ?? (Validate || Schedules.NeedsValidation(Recipe.Schedule) ? data.Test : null),
                Selection = validation is null
                    ? null
                    : new ModelSelection { Patience = Recipe.Patience, Path = run.Best, Restore = Configuration.Keep != KeepLast },
            },
            interruption.Token));
        var test = !fit.Completed ? null : validation is null && fit.Validation is { } last ? last : trainer.Evaluate(data.Test);
        if (fit.Completed) trainer.Save(run.Weights);
        var metrics = progress.Finish(fit, test);
        if (WritesReport) RunReport.Write(run, fit.Completed ? Review(trainer, data) : null);
        DataCommand.TellBad(data, terminal, told);
        terminal.Line(Summary(fit, metrics));
        terminal.Line(fit.Completed
            ? $"{run.Path}: weights.safetensors, checkpoint.safetensors, {(validation is null ? "" : "best.safetensors, ")}metrics.json, metrics.jsonl, config.json{(WritesReport ? ", report.html" : "")}"
            : $"interrupted; {run.Checkpoint} holds the state. To go on: ./deepnative train --resume --name {run.Name}");
        terminal.Write(Measure(fit, metrics));
        return fit.Completed ? ExitCodes.Success : ExitCodes.Interrupted;
    }

    private static TestReview? Review(Trainer trainer, ExampleSplits data) => TestReview.Of(
        inputs => data.Test.InputType == DType.UInt8 ? trainer.Predict(inputs) : trainer.Predict(MemoryMarshal.Cast<byte, float>(inputs)),
        data.Test, data.ClassNames, ModelSummary.Of(trainer.Model, data.Test.InputShape).MultiplyAdds);

    // What is chosen by is never the test set.
    private (IExampleSource Train, IExampleSource? Validation) HoldOut(ExampleSplits data)
    {
        var (train, validation) = Recipe.Validation > 0f
            ? ExampleSplit.HoldOut(data.Train, Recipe.Validation, Configuration.Seed)
            : (data.Train, data.Validation);
        if (validation is not null && Validate) throw new UsageException("--validate measures the test set after every epoch; what is held out by --validation is measured instead");
        if (validation is null && Recipe.Patience > 0) throw new UsageException("--patience needs --validation: a part of the training set to measure");
        if (validation is null && Configuration.Keep == KeepBest) throw new UsageException("--keep best needs --validation: a part of the training set to measure");
        return (train, validation);
    }

    // Features are fed as they were when they were trained, and a run that goes on as it began.
    private Normalization? Statistics(IExampleSource train)
    {
        if (Resumed is not null && Configuration.InputMean.Length > 0) return new Normalization(Configuration.InputMean, Configuration.InputDeviation);
        var known = Configuration.From.Length > 0 ? ModelDescription.Read(Configuration.From).Normalization : null;
        return known ?? train.Statistics();
    }

    private Layer CreateModel(ModelOptions options)
    {
        try
        {
            return model.Create(options);
        }
        catch (ArgumentException exception)
        {
            throw new UsageException(
                $"{model.Name} cannot be made for {Recipe.Data}, inputs {options.InputShape} in {options.Classes ?? model.Classes} classes: "
                + exception.Message.Split(" (Parameter")[0]);
        }
    }

    private void Transfer(Trainer trainer, ModelOptions options)
    {
        var report = LoadFrom(trainer, options);
        var frozen = trainer.Model.Parameters().Count(parameter => Recipe.CreateOptimizer().GroupOf(parameter) is { Frozen: true });
        var fresh = report.Fresh.Count > 0 ? $", new: {string.Join(", ", report.Fresh)}" : "";
        terminal.Line($"{report.Loaded.Count} tensors of {Configuration.From}{fresh}{(frozen > 0 ? $"; {frozen} frozen" : "")}");
    }

    private TransferReport LoadFrom(Trainer trainer, ModelOptions options)
    {
        if (Configuration.ReplaceHead > 0) return trainer.LoadFrom(Configuration.From, model.HeadParameters(options));
        try
        {
            return trainer.LoadFrom(Configuration.From);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"{exception.Message}\n--replace-head {options.Classes ?? model.Classes} makes the layer that tells classes apart anew", exception);
        }
    }

    private static long[] Extents(Shape shape)
    {
        var extents = new long[shape.Rank];
        shape.CopyTo(extents);
        return extents;
    }

    private ExampleSplits OpenData(CancellationToken token)
    {
        var shape = model.InputShape;
        if (Recipe.ImageSize > 0 && shape.Rank == 3) shape = new Shape(shape[0], Recipe.ImageSize, Recipe.ImageSize);
        var options = new DataOptions
        {
            InputShape = shape.Rank == 3 ? shape : null,
            Augmentation = Recipe.Augmentation,
            Margin = DataCommand.MarginOf(model, shape, Recipe.Data, DataFolder),
            Borders = Recipe.CreatePixelWeights(),
            SkipBad = Configuration.SkipBad,
            Workers = Workers,
            Cache = new DatasetCache(DataFolder),
        };
        var progress = new LineProgress(terminal);
        var data = DataCommand.Open(Recipe, () => description is null
            ? Datasets.Open(Recipe.Data, options, progress, token)
            : Datasets.Open(description, options, progress, token));
        var (size, found) = (Recipe.ImageSize, data.Train.InputShape);
        if (size > 0 && (found.Rank != 3 || found[1] != size || found[2] != size))
            throw new UsageException($"image_size is {size}, but {Recipe.Data} has inputs of {found}: only pictures of folders and drawn ones are brought to a size");
        DataCommand.TellBad(data, terminal);
        return data;
    }

    private void Resume(Trainer trainer, RunFolder run, RunMetrics before)
    {
        trainer.Resume(run.Checkpoint);
        // One that was ended between its last epoch and the test still has something to do.
        if (trainer.Epoch > Recipe.Epochs || (trainer.Epoch == Recipe.Epochs && before.Completed))
            throw new UsageException($"the run '{run.Name}' has done {trainer.Epoch} epochs of {Recipe.Epochs}; --epochs asks for more");
    }

    private static string Summary(FitResult fit, RunMetrics metrics)
    {
        var error = metrics.TestError is { } value ? string.Create(CultureInfo.InvariantCulture, $"test error {value:P2}, ")
            : metrics.TestLoss is { } loss ? string.Create(CultureInfo.InvariantCulture, $"test loss {loss:0.0000}, ")
            : "";
        if (metrics.TestTop5Error is { } top) error += string.Create(CultureInfo.InvariantCulture, $"top-5 error {top:P2}, ");
        if (metrics.TestMeanIou is { } overlap) error += string.Create(CultureInfo.InvariantCulture, $"mean IoU {overlap:0.0000}, ");
        if (metrics.BestEpoch is { } best) error += $"best epoch {best}{(metrics.StoppedEarly ? ", stopped early" : "")}, ";
        var data = fit.DataOnDevice
            ? "on the device"
            : string.Create(CultureInfo.InvariantCulture, $"fed from the host, waited for {DataWait(fit):P1} of the time");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"train loss {metrics.TrainLoss:0.0000}, {error}{Units.Rate(fit.ImagesPerSecond)} images/s, {Units.Time(fit.Seconds)}, first step after {Units.Time(fit.FirstStepSeconds)}, data {data}");
    }

    private Measurement Measure(FitResult fit, RunMetrics metrics) => new()
    {
        Command = "train",
        Model = model.Name,
        Device = device.Info.Name,
        Precision = Recipe.Precision,
        Batch = Recipe.Batch,
        Steps = fit.Steps,
        Epochs = fit.Epochs,
        Seconds = fit.Seconds,
        ImagesPerSecond = metrics.ImagesPerSecond,
        TrainLoss = metrics.TrainLoss,
        TestError = metrics.TestError,
        TestTop5Error = metrics.TestTop5Error,
        TestMeanIou = metrics.TestMeanIou,
        PeakBytes = device.Memory.PeakBytes,
        FirstStepSeconds = Measurement.Finite(fit.FirstStepSeconds),
        Seed = Configuration.Seed,
        DataWait = DataWait(fit),
    };

    private static double DataWait(FitResult fit) => fit.Seconds > 0 ? fit.DataSeconds / fit.Seconds : 0;
}
