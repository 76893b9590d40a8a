using DeepNative.Cli.Commands;
using DeepNative.Data;
using DeepNative.Models;
using DeepNative.Training;

namespace DeepNative.Cli.Runs;

/// <summary>A file of weights and the model that they are for.</summary>
/// <param name="Path">The safetensors file.</param>
/// <param name="Model">The model.</param>
/// <param name="Data">The name of the data set that it was trained on; empty where that is not known.</param>
internal sealed record TrainedModel(string Path, ModelEntry Model, string Data)
{
    /// <summary>What the model was made for.</summary>
    public ModelOptions Options { get; init; } = ModelOptions.Default;

    /// <summary>The names of the classes, as far as they are known.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>Whether pictures that could not be read were left out.</summary>
    public bool SkipBad { get; init; }

    /// <summary>The shape of one input.</summary>
    public Shape InputShape => Options.InputShape ?? Model.InputShape;

    /// <summary>Whether it learned pictures of a folder of the user's own.</summary>
    public bool KnowsFolder =>
        !Datasets.Names.Contains(Data, StringComparer.OrdinalIgnoreCase) && (System.IO.Path.IsPathRooted(Data) || Datasets.FindFolder(Data) is not null);

    /// <summary>Finds what a user names.</summary>
    /// <param name="name">A run, a path of a run's folder or of a safetensors file, or a model: its latest run.</param>
    /// <returns>The file and its model.</returns>
    /// <exception cref="UsageException">There is nothing of that name; lists the runs.</exception>
    public static TrainedModel Find(string name)
    {
        if (RunFolder.Find(name) is { } run) return Of(run);
        if (File.Exists(name)) return OfFile(name);
        if (ModelRegistry.TryGet(name, out var model) && RunFolder.FindLatest(model.Name) is { } latest) return Of(latest);
        var runs = RunFolder.Names();
        throw new UsageException(
            $"there is no trained model '{name}': neither a run in {RunFolder.Root}/ ({(runs.Count > 0 ? string.Join(", ", runs) : "none yet")}), "
            + "nor a safetensors file, nor a model with a run");
    }

    private static TrainedModel Of(RunFolder run)
    {
        var configuration = run.ReadConfiguration();
        var path = File.Exists(run.Weights) ? run.Weights : run.Checkpoint;
        if (!File.Exists(path)) throw new UsageException($"the run '{run.Name}' has no weights yet");
        return new TrainedModel(path, ModelArgument.Find(configuration.Model), configuration.Recipe.Data)
        {
            Options = new ModelOptions
            {
                InputShape = configuration.InputShape.Length > 0 ? new Shape(configuration.InputShape) : null,
                Classes = configuration.ClassNames.Length > 0 ? configuration.ClassNames.Length : null,
            },
            ClassNames = configuration.ClassNames,
            SkipBad = configuration.SkipBad,
        };
    }

    private static TrainedModel OfFile(string path)
    {
        var description = ModelDescription.Read(path);
        if (description.Model.Length == 0)
            throw new UsageException($"{path} does not say of which model it is; it was not written by deepnative");
        var model = ModelArgument.Find(description.Model);
        return new TrainedModel(path, model, description.Data) { Options = description.Options, ClassNames = description.ClassNames };
    }
}
