using DeepNative.Data;
using DeepNative.Models;
using DeepNative.Serialization;

namespace DeepNative.Training;

/// <summary>What a file of weights or a checkpoint says of the model that it is for.</summary>
/// <param name="Model">The registry's name, or any; empty where the file says none.</param>
/// <param name="Options">What the registered model was made for.</param>
/// <param name="InputShape">The shape of one input; null where the file does not say.</param>
public sealed record ModelDescription(string Model, ModelOptions Options, Shape? InputShape)
{
    /// <summary>How inputs became the model's; null: bytes / 255, floats as they are, or the file does not say.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>The name of the data set that it was trained on; empty where the file says none.</summary>
    public string Data { get; init; } = "";

    /// <summary>The names of the classes, in the order of the outputs; none where the file does not say.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>Reads the head of a file.</summary>
    /// <param name="path">A safetensors file.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static ModelDescription Read(string path)
    {
        using var file = SafeTensors.Open(path);
        return Of(file, path);
    }

    internal static ModelDescription Of(SafeTensorsFile file, string path)
    {
        var input = ModelMetadata.ReadInput(file.Metadata, path);
        return new ModelDescription(
            file.Metadata.GetValueOrDefault(ModelMetadata.Model, ""), ModelMetadata.ReadOptions(file.Metadata, path), input?.Shape)
        {
            Normalization = input?.Normalization,
            Data = file.Metadata.GetValueOrDefault(ModelMetadata.Data, ""),
            ClassNames = ModelMetadata.ReadClassNames(file.Metadata, path),
        };
    }
}
