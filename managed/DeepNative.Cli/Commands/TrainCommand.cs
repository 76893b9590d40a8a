using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Models;
using DeepNative.Recipes;

namespace DeepNative.Cli.Commands;

/// <summary>Trains a model; what is not asked for comes from the model's recipe.</summary>
internal sealed class TrainCommand : Command
{
    private readonly Argument<string?> _model = new("model")
    {
        Description = $"One of {string.Join(", ", ModelRegistry.All.Select(entry => entry.Name))}; not needed with --resume --name",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _recipe = new("--recipe")
    {
        Description = "One of the model's recipes (see deepnative inspect MODEL), or a JSON file. Default: the model's own",
        HelpName = "NAME",
    };

    private readonly RecipeOptions _changes = new();
    private readonly TransferOptions _transfer = new();
    private readonly Option<string?> _keep = new("--keep")
    {
        Description = "Which epoch's weights to end with: best by the validation set, or last. Default: best where --validation holds a part out",
    };

    private readonly Option<ulong?> _seed = CommonOptions.Seed();
    private readonly Option<string?> _folder = CommonOptions.DataFolder();
    private readonly Option<bool> _skipBad = CommonOptions.SkipBad();
    private readonly Option<int?> _workers = CommonOptions.Number<int>(
        "--workers", "Threads that decode pictures of a folder. Default: one for each core, for every other one beside the CPU device");

    private readonly Option<string?> _name = new("--name") { Description = "The folder in runs/. Default: the model's name, numbered" };
    private readonly Option<bool> _resume = new("--resume") { Description = "Continue the run --name, or the model's latest, from its checkpoint" };
    private readonly Option<int?> _checkpointEvery = CommonOptions.Number<int>("--checkpoint-every", "Epochs between two checkpoints. Default: 1");
    private readonly Option<bool> _validate = new("--validate") { Description = "Measure the test error after every epoch, not only the last" };
    private readonly Option<bool> _trainError = new("--train-error") { Description = "Measure the error on the training set too, after every epoch" };
    private readonly Option<int?> _logEvery = CommonOptions.Number<int>("--log-every", "Steps between two lines of metrics.jsonl. Default: 20 lines an epoch");
    private readonly Option<bool> _noReport = new("--no-report") { Description = "Write neither report.html nor TensorBoard's event file" };
    private readonly Option<bool> _noProgress = new("--no-progress") { Description = "Print the result alone" };
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<int?> _threads = CommonOptions.Threads();
    private readonly Option<string?> _json = CommonOptions.Json();

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public TrainCommand(TextWriter output, TextWriter error)
        : base("train", "Trains a model by its recipe; the result is written to runs/NAME")
    {
        _keep.AcceptOnlyFromAmong(TrainingSession.KeepBest, TrainingSession.KeepLast);
        Arguments.Add(_model);
        foreach (var option in (Option[])
            [_recipe, .. _changes.All, .. _transfer.All, _keep, _seed, _folder, _skipBad, _workers, _name, _resume, _checkpointEvery, _validate, _trainError, _noProgress, _logEvery, _noReport, _device, _threads, _json])
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
        configuration.Recipe.Check();
        DataCommand.Check(configuration.Recipe.Data, parsed.GetValue(_folder));
        using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
        var session = new TrainingSession(terminal, device, model)
        {
            Configuration = configuration with
            {
                OptimizerSettings = configuration.Recipe.CreateOptimizer().ToString(),
                ScheduleSettings = configuration.Recipe.CreateSchedule().ToString()!,
                Device = device.Info.Name,
                Threads = device.Info.ThreadCount,
                DeviceDescription = device.Info.Description,
                DeviceDetail = device.Info.Detail,
            },
            Resumed = resumed,
            RunName = parsed.GetValue(_name),
            DataFolder = parsed.GetValue(_folder),
            Workers = parsed.GetValue(_workers) ?? 0,
            CheckpointEvery = parsed.GetValue(_checkpointEvery) ?? 1,
            Validate = parsed.GetValue(_validate),
            MeasuresTraining = parsed.GetValue(_trainError),
            ShowProgress = !parsed.GetValue(_noProgress),
            LogEvery = parsed.GetValue(_logEvery),
            WritesReport = !parsed.GetValue(_noReport),
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
        var run = new RunConfiguration
        {
            Model = model.Name,
            Recipe = _changes.Apply(parsed, FindRecipe(parsed, model)),
            Keep = parsed.GetValue(_keep) ?? "",
            SkipBad = parsed.GetValue(_skipBad),
            Seed = parsed.GetValue(_seed) ?? CommonOptions.DefaultSeed,
            Version = Measurement.BuildVersion,
            Framework = RuntimeInformation.FrameworkDescription,
            OperatingSystem = RuntimeInformation.OSDescription,
            Started = DateTime.UtcNow,
        };
        return _transfer.Apply(parsed, run, model);
    }

    private Recipe FindRecipe(ParseResult parsed, ModelEntry model)
    {
        var known = RecipeBook.For(model.Name);
        if (parsed.GetValue(_recipe) is not { } asked)
        {
            return known is [var usual, ..]
                ? usual
                : throw new UsageException($"{model.Name} has no recipe of its own; --recipe takes a JSON file, or one of {Names(RecipeBook.All)}");
        }

        // Another model's recipe may serve, too.
        if (RecipeBook.TryGet(asked, out var recipe)) return recipe;
        return File.Exists(asked)
            ? RecipeBook.Read(asked)
            : throw new UsageException($"there is no recipe '{asked}', nor such a file; those of {model.Name} are {(known.Count > 0 ? Names(known) : "none")}");
    }

    // As RecipeBook names what FindRecipe finds; the file may be gone by now.
    private static string NameOfRecipe(string asked) =>
        RecipeBook.TryGet(asked, out var known) ? known.Name : Path.GetFileNameWithoutExtension(asked);

    private static string Names(IEnumerable<Recipe> recipes) => string.Join(", ", recipes.Select(recipe => recipe.Name));

    // A resumed run goes on as it began; only where it stops may be told anew.
    private RunConfiguration Continue(ParseResult parsed, RunFolder run)
    {
        var configuration = run.ReadConfiguration();
        Same(_model.Name, parsed.GetValue(_model), configuration.Model);
        Same(_recipe.Name, parsed.GetValue(_recipe) is { } recipe ? NameOfRecipe(recipe) : null, configuration.Recipe.Name);
        Same(_keep.Name, parsed.GetValue(_keep), configuration.Keep);
        _transfer.Continue(parsed, configuration, Same);
        Same(_seed.Name, parsed.GetValue(_seed), configuration.Seed);
        return configuration with
        {
            Recipe = _changes.Continue(parsed, configuration.Recipe, Same),
            SkipBad = configuration.SkipBad || parsed.GetValue(_skipBad),
        };

        void Same(string option, object? asked, object was)
        {
            if (asked is null || string.Equals(asked.ToString(), was.ToString(), StringComparison.OrdinalIgnoreCase)) return;
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture, $"the run '{run.Name}' has {option} {was}; it cannot be resumed with {asked}"));
        }
    }
}
