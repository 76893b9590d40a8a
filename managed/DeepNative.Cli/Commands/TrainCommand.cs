using System.CommandLine;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Models;
using DeepNative.Optimizers;

namespace DeepNative.Cli.Commands;

/// <summary>Trains a model; what is not asked for comes from the model's recipe.</summary>
internal sealed class TrainCommand : Command
{
    private readonly Argument<string?> _model = new("model")
    {
        Description = $"One of {string.Join(", ", ModelRegistry.All.Select(entry => entry.Name))}; not needed with --resume --name",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<int?> _epochs = Recipe<int>("--epochs", "Passes over the training set, those before --resume included");
    private readonly Option<int?> _batch = Recipe<int>("--batch", "Images in a step");
    private readonly Option<string?> _optimizer = new("--optimizer") { Description = "The update rule" };
    private readonly Option<float?> _rate = Recipe<float>("--lr", "The learning rate");
    private readonly Option<float?> _momentum = Recipe<float>("--momentum", "Momentum of sgd, rmsprop and lars", zero: true);
    private readonly Option<float?> _decay = Recipe<float>("--weight-decay", "The factor of the weights in the gradient", zero: true);
    private readonly Option<string?> _schedule = new("--schedule")
    {
        Description = $"How the learning rate changes: {Schedules.Forms}; epochs of multi-step as 30/60. Default: the recipe's",
        HelpName = "SCHEDULE",
    };

    private readonly Option<int?> _warmup = CommonOptions.Number<int>("--warmup", "Steps over which the rate rises first");
    private readonly Option<float?> _clipNorm = CommonOptions.Number<float>("--clip-norm", "Scale all gradients together down to this norm");
    private readonly Option<float?> _clipValue = CommonOptions.Number<float>("--clip-value", "Bound each gradient to this size");
    private readonly Option<int?> _accumulate = CommonOptions.Number<int>("--accumulate", "Batches whose gradients make one step. Default: 1");
    private readonly Option<float?> _ema = CommonOptions.Number<float>(
        "--ema", "Average the weights, keeping this part of the average in every step, and test and save the average");

    private readonly Option<ulong?> _seed = CommonOptions.Seed();
    private readonly Option<string?> _data = CommonOptions.Data();
    private readonly Option<string?> _folder = CommonOptions.DataFolder();
    private readonly Option<string?> _name = new("--name") { Description = "The folder in runs/. Default: the model's name, numbered" };
    private readonly Option<bool> _resume = new("--resume") { Description = "Continue the run --name, or the model's latest, from its checkpoint" };
    private readonly Option<int?> _checkpointEvery = CommonOptions.Number<int>("--checkpoint-every", "Epochs between two checkpoints. Default: 1");
    private readonly Option<bool> _validate = new("--validate") { Description = "Measure the test error after every epoch, not only the last" };
    private readonly Option<bool> _noProgress = new("--no-progress") { Description = "Print the result alone" };
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<int?> _threads = CommonOptions.Threads();
    private readonly Option<string> _precision = CommonOptions.Precision();
    private readonly Option<string?> _json = CommonOptions.Json();

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public TrainCommand(TextWriter output, TextWriter error)
        : base("train", "Trains a model by its recipe; the result is written to runs/NAME")
    {
        _optimizer.AcceptOnlyFromAmong(OptimizerRules.Names);
        Arguments.Add(_model);
        foreach (var option in (Option[])
            [_epochs, _batch, _optimizer, _rate, _momentum, _decay, _schedule, _warmup, _clipNorm, _clipValue, _accumulate, _ema, _seed, _data, _folder, _name, _resume, _checkpointEvery,
             _validate, _noProgress, _device, _threads, _precision, _json])
            Options.Add(option);
        SetAction(parsed => Run(new Terminal(output, error, parsed.GetValue(_json)), parsed));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var resumed = parsed.GetValue(_resume) ? FindRun(parsed) : null;
        // Better known before the data are fetched than after.
        if (resumed is null && parsed.GetValue(_name) is { } name) RunFolder.CheckNew(name);
        var configuration = resumed is null ? Configure(parsed) : Continue(parsed, resumed);
        var model = ModelArgument.Find(configuration.Model);
        var optimizer = OptimizerRules.Create(configuration, model.Recipe.Optimizer);
        TrainingSession.Averaging(configuration);
        var data = DataCommand.Find(configuration.Data);
        using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
        var session = new TrainingSession(terminal, device, model, optimizer, data)
        {
            Configuration = configuration with
            {
                OptimizerSettings = optimizer.ToString(),
                Device = device.Info.Name,
                Threads = device.Info.ThreadCount,
                DeviceDescription = device.Info.Description,
                DeviceDetail = device.Info.Detail,
            },
            Resumed = resumed,
            RunName = parsed.GetValue(_name),
            DataFolder = parsed.GetValue(_folder),
            CheckpointEvery = parsed.GetValue(_checkpointEvery) ?? 1,
            Validate = parsed.GetValue(_validate),
            ShowProgress = !parsed.GetValue(_noProgress),
        };
        return session.Train();
    }

    private RunFolder FindRun(ParseResult parsed)
    {
        if (parsed.GetValue(_name) is { } name)
        {
            var names = RunFolder.Names();
            return RunFolder.Find(name)
                ?? throw new UsageException($"there is no run '{name}'; known are {(names.Count > 0 ? string.Join(", ", names) : "none yet")}");
        }

        var model = ModelArgument.Find(RequireModel(parsed)).Name;
        return RunFolder.FindLatest(model) ?? throw new UsageException($"there is no run of {model} to resume");
    }

    private string RequireModel(ParseResult parsed) =>
        parsed.GetValue(_model) ?? throw new UsageException($"which model? {_model.Description}");

    private RunConfiguration Configure(ParseResult parsed)
    {
        var model = ModelArgument.Find(RequireModel(parsed));
        var usual = model.Recipe.Optimizer;
        var rule = parsed.GetValue(_optimizer) ?? OptimizerRules.NameOf(usual);
        // A rate fits one rule only.
        var (usualRate, momentum, decay) = OptimizerRules.Usual(rule, usual);
        if (momentum is null && parsed.GetValue(_momentum) is not null)
            throw new UsageException($"--momentum is of sgd, rmsprop and lars, {rule} has none");
        var rate = parsed.GetValue(_rate) ?? usualRate
            ?? throw new UsageException($"--optimizer {rule} needs --lr; the recipe of {model.Name} is {usual}");
        if (parsed.GetValue(_clipNorm) is not null && parsed.GetValue(_clipValue) is not null)
            throw new UsageException("--clip-norm and --clip-value exclude each other");
        var (setting, warmup) = (parsed.GetValue(_schedule), parsed.GetValue(_warmup) ?? 0);
        return new RunConfiguration
        {
            Model = model.Name,
            Data = DataCommand.Find(parsed.GetValue(_data) ?? model.Recipe.Data).Name,
            Epochs = parsed.GetValue(_epochs) ?? model.Recipe.Epochs,
            Batch = parsed.GetValue(_batch) ?? model.Recipe.Batch,
            Optimizer = rule,
            LearningRate = rate,
            Momentum = parsed.GetValue(_momentum) ?? momentum ?? 0f,
            WeightDecay = parsed.GetValue(_decay) ?? decay,
            Schedule = Schedules.Create(setting, model.Recipe.Schedule, warmup).ToString()!,
            ScheduleSetting = setting,
            Warmup = warmup,
            ClipNorm = parsed.GetValue(_clipNorm) ?? 0f,
            ClipValue = parsed.GetValue(_clipValue) ?? 0f,
            Accumulate = parsed.GetValue(_accumulate) ?? 1,
            Ema = parsed.GetValue(_ema) ?? 0f,
            Seed = parsed.GetValue(_seed) ?? CommonOptions.DefaultSeed,
            Precision = parsed.GetValue(_precision)!,
            Version = Measurement.BuildVersion,
            Framework = RuntimeInformation.FrameworkDescription,
            OperatingSystem = RuntimeInformation.OSDescription,
            Started = DateTime.UtcNow,
        };
    }

    // A resumed run goes on as it began; only where it stops may be told anew.
    private RunConfiguration Continue(ParseResult parsed, RunFolder run)
    {
        var configuration = run.ReadConfiguration();
        Same(_model.Name, parsed.GetValue(_model), configuration.Model);
        Same(_batch.Name, parsed.GetValue(_batch), configuration.Batch);
        Same(_optimizer.Name, parsed.GetValue(_optimizer), configuration.Optimizer);
        Same(_rate.Name, parsed.GetValue(_rate), configuration.LearningRate);
        Same(_momentum.Name, parsed.GetValue(_momentum), configuration.Momentum);
        Same(_decay.Name, parsed.GetValue(_decay), configuration.WeightDecay);
        Same(_schedule.Name, parsed.GetValue(_schedule), configuration.ScheduleSetting ?? "");
        Same(_warmup.Name, parsed.GetValue(_warmup), configuration.Warmup);
        Same(_clipNorm.Name, parsed.GetValue(_clipNorm), configuration.ClipNorm);
        Same(_clipValue.Name, parsed.GetValue(_clipValue), configuration.ClipValue);
        Same(_accumulate.Name, parsed.GetValue(_accumulate), Math.Max(1, configuration.Accumulate));
        Same(_ema.Name, parsed.GetValue(_ema), configuration.Ema);
        Same(_seed.Name, parsed.GetValue(_seed), configuration.Seed);
        Same(_data.Name, parsed.GetValue(_data), configuration.Data);
        return configuration with { Epochs = parsed.GetValue(_epochs) ?? configuration.Epochs };

        void Same(string option, object? asked, object was)
        {
            if (asked is null || string.Equals(asked.ToString(), was.ToString(), StringComparison.OrdinalIgnoreCase)) return;
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture, $"the run '{run.Name}' has {option} {was}; it cannot be resumed with {asked}"));
        }
    }

    private static Option<T?> Recipe<T>(string name, string description, bool zero = false)
        where T : struct, INumber<T> => CommonOptions.Number<T>(name, description + ". Default: the recipe's", zero);
}
