using System.Globalization;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Models;
using DeepNative.Recipes;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>One training from the data to the finished run folder.</summary>
internal sealed class TrainingSession(
    Terminal terminal, Device device, ModelEntry model, DatasetDescription description)
{
    /// <summary>What is trained and how.</summary>
    public required RunConfiguration Configuration { get; init; }

    /// <summary>The run to continue; null: a new one.</summary>
    public RunFolder? Resumed { get; init; }

    /// <summary>The name of a new run; null: the model's, numbered.</summary>
    public string? RunName { get; init; }

    /// <summary>Where data sets lie; null: the default.</summary>
    public string? DataFolder { get; init; }

    /// <summary>Epochs between two checkpoints.</summary>
    public required int CheckpointEvery { get; init; }

    /// <summary>Whether every epoch ends with a test.</summary>
    public bool Validate { get; init; }

    /// <summary>Whether progress is shown.</summary>
    public bool ShowProgress { get; init; }

    private Recipe Recipe => Configuration.Recipe;

    /// <summary>Trains, tests, writes.</summary>
    /// <returns>The exit code.</returns>
    public int Train()
    {
        using var interruption = new Interruption();
        terminal.Line($"{model.Name} on {description.Name}, {CommonOptions.Describe(device)}");
        var data = Datasets.Load(description, new DatasetCache(DataFolder), new LineProgress(terminal), interruption.Token);
        using var trainer = new Trainer(model.Create(), model.Loss(), Recipe.CreateOptimizer(), device, Configuration.Seed, new TrainerOptions
        {
            Schedule = Recipe.CreateSchedule(),
            Clipping = Recipe.CreateClipping(),
            AccumulationSteps = Recipe.Accumulate,
            Averaging = Recipe.CreateAveraging(),
            Normalization = Normalization(data.Train),
            ModelName = model.Name,
        });
        var before = Resumed?.ReadMetrics() ?? new RunMetrics { Epochs = [] };
        if (Resumed is not null) Resume(trainer, Resumed, before);
        var run = Resumed ?? RunFolder.Create(RunName, model.Name);
        run.Write(Configuration with { InputMean = Floats(data.Train.Mean), InputDeviation = Floats(data.Train.Std) });
        using var progress = new TrainingDisplay(terminal, run, before, trainer.Epoch, ShowProgress);
        var fit = progress.Show(() => trainer.Fit(
            data.Train, Recipe.Epochs, Recipe.Batch, progress: progress,
            checkpoint: new CheckpointOptions(run.Checkpoint, CheckpointEvery),
            validation: Validate || Schedules.NeedsValidation(Recipe.Schedule) ? data.Test : null, cancellation: interruption.Token));
        var test = fit.Completed ? fit.Validation ?? trainer.Evaluate(data.Test) : null;
        if (fit.Completed) trainer.Save(run.Weights);
        var metrics = progress.Finish(fit, test);
        terminal.Line(Summary(fit, metrics));
        terminal.Line(fit.Completed
            ? $"{run.Path}: weights.safetensors, checkpoint.safetensors, metrics.json, config.json"
            : $"interrupted; {run.Checkpoint} holds the state. To go on: ./deepnative train --resume --name {run.Name}");
        terminal.Write(Measure(fit, metrics));
        return fit.Completed ? ExitCodes.Success : ExitCodes.Interrupted;
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
        var error = metrics.TestError is { } value ? string.Create(CultureInfo.InvariantCulture, $"test error {value:P2}, ") : "";
        var data = fit.DataOnDevice ? "on the device" : "fed from the host";
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
        PeakBytes = device.Memory.PeakBytes,
        FirstStepSeconds = Measurement.Finite(fit.FirstStepSeconds),
        Seed = Configuration.Seed,
    };

    // The numbers in config.json and those that are used are the same floats.
    private static Normalization Normalization(ImageDataset data) => new(Floats(data.Mean), Floats(data.Std));

    private static float[] Floats(ReadOnlySpan<double> values)
    {
        var floats = new float[values.Length];
        for (var i = 0; i < floats.Length; i++) floats[i] = (float)values[i];
        return floats;
    }
}
