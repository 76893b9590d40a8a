using System.CommandLine;
using System.Globalization;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Models;
using DeepNative.Recipes;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>Fetches data sets, and shows them.</summary>
internal sealed class DataCommand : Command
{
    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public DataCommand(TextWriter output, TextWriter error)
        : base("data", "Fetches data sets, and draws what training sees of them")
    {
        var name = new Argument<string>("name") { Description = $"One of {string.Join(", ", Datasets.Names)}, or a folder, which is checked" };
        var folder = CommonOptions.DataFolder();
        var skipBad = CommonOptions.SkipBad();
        var get = new Command("get", "Fetches a data set and checks it, unless it is there already") { name, folder, skipBad };
        get.SetAction(parsed => Get(new Terminal(output, error), parsed.GetRequiredValue(name), parsed.GetValue(folder), parsed.GetValue(skipBad)));
        Subcommands.Add(get);
        Subcommands.Add(new DataShowCommand(output, error));
    }

    /// <summary>What a data set is called in files: its name in lower case, or a folder's full path.</summary>
    /// <param name="data">As the user wrote it.</param>
    /// <returns>The name, or what was written where there is no such thing.</returns>
    public static string NameOf(string data) =>
        Datasets.Names.FirstOrDefault(name => string.Equals(name, data, StringComparison.OrdinalIgnoreCase))
        ?? (data.Length > 0 && Directory.Exists(data) ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(data)) : data);

    /// <summary>Makes sure that there is a data set before anything takes time.</summary>
    /// <param name="data">A name or a folder.</param>
    /// <param name="folder">Where data sets lie; null: the default.</param>
    /// <exception cref="UsageException">There is none; lists the known ones.</exception>
    public static void Check(string data, string? folder)
    {
        if (Datasets.Names.Contains(NameOf(data)) || Datasets.FindFolder(data, new DatasetCache(folder)) is not null) return;
        throw new UsageException($"unknown data set '{data}': known are {string.Join(", ", Datasets.Names)}, and folders of pictures");
    }

    /// <summary>Opens the data that a trained model is measured with.</summary>
    /// <param name="trained">The model; pictures of a folder are brought to its inputs' size.</param>
    /// <param name="data">A name or a folder.</param>
    /// <param name="folder">Where data sets lie; null: the default.</param>
    /// <param name="skipBad">Whether pictures that cannot be read are left out, also where the run did not.</param>
    /// <param name="terminal">Told what is fetched, checked or left out.</param>
    /// <returns>The data.</returns>
    /// <exception cref="UsageException">There is no such data set; lists the known ones.</exception>
    public static ExampleSplits Open(TrainedModel trained, string data, string? folder, bool skipBad, Terminal terminal)
    {
        Check(data, folder);
        var shape = trained.InputShape;
        var options = new DataOptions
        {
            InputShape = shape.Rank == 3 ? shape : null,
            Margin = MarginOf(trained.Model, shape, data, folder),
            SkipBad = trained.SkipBad || skipBad,
            Cache = new DatasetCache(folder),
        };
        var opened = Datasets.Open(data, options, new LineProgress(terminal));
        TellBad(opened, terminal);
        return opened;
    }

    /// <summary>Opens data as a recipe asks for them.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="open">Opens them.</param>
    /// <returns>The data.</returns>
    /// <exception cref="UsageException">They cannot be as the recipe asks for; says what to change.</exception>
    public static ExampleSplits Open(Recipe recipe, Func<ExampleSplits> open)
    {
        try
        {
            return open();
        }
        catch (ArgumentException exception)
        {
            throw new UsageException(
                $"{exception.Message.Split(" (Parameter")[0]} The recipe is {recipe.Name}; --recipe takes another, or a JSON file");
        }
    }

    /// <summary>Says which pictures were left out, and why.</summary>
    /// <param name="data">The data.</param>
    /// <param name="terminal">Told a line for each.</param>
    /// <param name="told">How many of them it was told before.</param>
    public static void TellBad(ExampleSplits data, Terminal terminal, int told = 0)
    {
        foreach (var bad in data.Bad.Skip(told)) terminal.Line($"left out: {bad.Path}: {bad.Reason}");
    }

    /// <summary>What pictures with masks show on each side beyond the pixels that a model gives classes for.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">Its inputs' shape.</param>
    /// <param name="data">A name or a folder.</param>
    /// <param name="folder">Where data sets lie; null: the default.</param>
    /// <returns>The pixels; 0 where the output is as large as the input, or the data are others.</returns>
    public static int MarginOf(ModelEntry model, Shape input, string data, string? folder)
    {
        if (input.Rank != 3 || Datasets.FindFolder(data, new DatasetCache(folder)) is not { } found || !SegmentationFolder.Matches(found)) return 0;
        var output = ModelSummary.Of(model.Create(new ModelOptions { InputShape = input }), input).Layers[^1].OutputShape;
        return output.Rank == 4 ? (int)Math.Max(0, (input[1] - output[2]) / 2) : 0;
    }

    /// <summary>What a model is made for so that it fits the data.</summary>
    /// <param name="data">The data.</param>
    /// <returns>Their inputs' shape, and their number of classes where they have classes.</returns>
    public static ModelOptions OptionsFor(ExampleSplits data) => new()
    {
        InputShape = data.Train.InputShape,
        Classes = data.ClassNames.Count > 0 ? data.ClassNames.Count : null,
    };

    private static int Get(Terminal terminal, string name, string? folder, bool skipBad)
    {
        Check(name, folder);
        var cache = new DatasetCache(folder);
        var data = Datasets.Open(name, new DataOptions { SkipBad = skipBad, Cache = cache }, new LineProgress(terminal));
        TellBad(data, terminal);
        foreach (var part in (IExampleSource?[])[data.Train, data.Validation, data.Test])
        {
            if (part is null) continue;
            terminal.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{part.Name}: {part.Count} images of {part.InputShape} in {data.ClassNames.Count} classes"));
        }

        if (Directory.Exists(Path.Combine(cache.Folder, NameOf(name)))) terminal.Line($"in {Path.Combine(cache.Folder, NameOf(name))}");
        return ExitCodes.Success;
    }
}
