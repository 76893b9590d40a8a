using System.CommandLine;
using System.Globalization;
using DeepNative.Cli.Output;
using DeepNative.Data;

namespace DeepNative.Cli.Commands;

/// <summary>Fetches data sets.</summary>
internal sealed class DataCommand : Command
{
    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public DataCommand(TextWriter output, TextWriter error)
        : base("data", "Fetches data sets")
    {
        var name = new Argument<string>("name") { Description = $"One of {string.Join(", ", Datasets.Names)}" };
        var folder = CommonOptions.DataFolder();
        var get = new Command("get", "Fetches a data set and checks it, unless it is there already") { name, folder };
        get.SetAction(parsed => Get(new Terminal(output, error), parsed.GetRequiredValue(name), parsed.GetValue(folder)));
        Subcommands.Add(get);
    }

    /// <summary>The description of a data set.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>The description.</returns>
    /// <exception cref="UsageException">There is none; lists the known ones.</exception>
    public static DatasetDescription Find(string name) =>
        Datasets.Names.Contains(name, StringComparer.OrdinalIgnoreCase)
            ? Datasets.Find(name)
            : throw new UsageException($"unknown data set '{name}'; known are {string.Join(", ", Datasets.Names)}");

    private static int Get(Terminal terminal, string name, string? folder)
    {
        var description = Find(name);
        var cache = new DatasetCache(folder);
        var data = Datasets.Load(description, cache, new LineProgress(terminal));
        foreach (var part in (ImageDataset[])[data.Train, data.Test])
        {
            terminal.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{part.Name}: {part.Count} images of ({part.Channels}, {part.Height}, {part.Width}) in {part.ClassCount} classes"));
        }

        terminal.Line($"in {Path.Combine(cache.Folder, description.Name)}");
        return ExitCodes.Success;
    }
}
