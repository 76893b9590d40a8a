using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using DeepNative.Serialization;

namespace DeepNative.Cli.Runs;

/// <summary>The folder of one training run, runs/NAME in the current folder.</summary>
internal sealed class RunFolder
{
    /// <summary>Where runs are kept.</summary>
    public const string Root = "runs";

    private RunFolder(string path) => Path = path;

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The run's name.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>The weights after the last whole call of train.</summary>
    public string Weights => System.IO.Path.Combine(Path, "weights.safetensors");

    /// <summary>The weights of the best epoch so far, where epochs are compared.</summary>
    public string Best => System.IO.Path.Combine(Path, "best.safetensors");

    /// <summary>The whole state, for --resume.</summary>
    public string Checkpoint => System.IO.Path.Combine(Path, "checkpoint.safetensors");

    private string ConfigurationPath => System.IO.Path.Combine(Path, "config.json");

    private string MetricsPath => System.IO.Path.Combine(Path, "metrics.json");

    /// <summary>Makes the folder of a new run.</summary>
    /// <param name="name">Its name; null: the model's, with -2, -3, ... where that is taken.</param>
    /// <param name="model">The model's name.</param>
    /// <returns>The empty folder.</returns>
    /// <exception cref="UsageException">The name is taken or cannot be a folder's.</exception>
    public static RunFolder Create(string? name, string model)
    {
        if (name is not null)
        {
            CheckNew(name);
            var named = new RunFolder(System.IO.Path.Combine(Root, name));
            Directory.CreateDirectory(named.Path);
            return named;
        }

        for (var number = 1; ; number++)
        {
            var path = System.IO.Path.Combine(Root, number == 1 ? model : $"{model}-{number}");
            if (Directory.Exists(path) || File.Exists(path)) continue;
            Directory.CreateDirectory(path);
            return new RunFolder(path);
        }
    }

    /// <summary>Checks that a new run may have a name.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="UsageException">The name is taken or cannot be a folder's.</exception>
    public static void CheckNew(string name)
    {
        if (name.Length == 0 || name is "." or ".." || name.AsSpan().IndexOfAny('/', '\\', '\0') >= 0)
            throw new UsageException($"--name '{name}' cannot be the name of a folder");
        var path = System.IO.Path.Combine(Root, name);
        if (File.Exists(new RunFolder(path).ConfigurationPath))
            throw new UsageException($"the run '{name}' exists in {path}: --resume continues it, another --name starts one beside it");
    }

    /// <summary>Finds an existing run.</summary>
    /// <param name="name">Its name, or a path of its folder.</param>
    /// <returns>The run; null when there is none.</returns>
    public static RunFolder? Find(string name)
    {
        foreach (var path in (string[])[System.IO.Path.Combine(Root, name), name])
        {
            var folder = new RunFolder(System.IO.Path.TrimEndingDirectorySeparator(path));
            if (File.Exists(folder.ConfigurationPath)) return folder;
        }

        return null;
    }

    /// <summary>Finds the run of a model that was started last.</summary>
    /// <param name="model">The model's name.</param>
    /// <returns>The run; null when there is none.</returns>
    public static RunFolder? FindLatest(string model)
    {
        RunFolder? latest = null;
        var started = DateTime.MinValue;
        foreach (var folder in All())
        {
            var configuration = folder.ReadConfiguration();
            if (configuration.Model != model || configuration.Started < started) continue;
            (latest, started) = (folder, configuration.Started);
        }

        return latest;
    }

    /// <summary>The names of all runs, in alphabetical order.</summary>
    /// <returns>The names; empty where there is no folder of runs.</returns>
    public static IReadOnlyList<string> Names() => [.. All().Select(folder => folder.Name)];

    /// <summary>Reads config.json.</summary>
    /// <returns>The configuration.</returns>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public RunConfiguration ReadConfiguration() => Read(ConfigurationPath, RunJson.Default.RunConfiguration);

    /// <summary>Writes config.json.</summary>
    /// <param name="configuration">The configuration.</param>
    public void Write(RunConfiguration configuration) => Write(ConfigurationPath, configuration, RunJson.Default.RunConfiguration);

    /// <summary>Reads metrics.json.</summary>
    /// <returns>The metrics; without epochs where there is no such file yet.</returns>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public RunMetrics ReadMetrics() =>
        File.Exists(MetricsPath) ? Read(MetricsPath, RunJson.Default.RunMetrics) : new RunMetrics { Epochs = [] };

    /// <summary>Writes metrics.json.</summary>
    /// <param name="metrics">The metrics.</param>
    public void Write(RunMetrics metrics) => Write(MetricsPath, metrics, RunJson.Default.RunMetrics);

    private static IEnumerable<RunFolder> All() =>
        Directory.Exists(Root)
            ? Directory.EnumerateDirectories(Root).Order(StringComparer.Ordinal)
                .Select(path => new RunFolder(path)).Where(folder => File.Exists(folder.ConfigurationPath))
            : [];

    private static T Read<T>(string path, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) ?? throw new InvalidDataException($"'{path}' holds nothing");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"'{path}' is damaged: {exception.Message}", exception);
        }
    }

    private static void Write<T>(string path, T value, JsonTypeInfo<T> type)
    {
        using var file = AtomicFile.Create(path);
        file.Stream.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(value, type) + "\n"));
        file.Commit();
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(RunConfiguration))]
[JsonSerializable(typeof(RunMetrics))]
internal sealed partial class RunJson : JsonSerializerContext;
