using DeepNative.Layers;
using DeepNative.Serialization;

namespace DeepNative.Training;

/// <summary>The model's part of a weights or checkpoint file.</summary>
internal static class ModelFile
{
    public const string OptimizerPart = "optimizer.";
    public const string RandomPart = "random.";
    public const string AveragePart = "average.";

    public static List<NamedTensor> Tensors(Layer model, AveragedWeights? average = null)
    {
        var tensors = new List<NamedTensor>();
        foreach (var parameter in model.Parameters())
            tensors.Add(new NamedTensor(parameter.Name, average?.Find(parameter) ?? parameter.Tensor!));
        return tensors;
    }

    /// <summary>Reads the parameters of a model, which gets tensors where it has none.</summary>
    public static void Load(SafeTensorsFile file, string path, Layer model, Device device)
    {
        model.Materialize(device, seed: 0);
        var isCheckpoint = IsCheckpoint(file);
        TensorFile.Load(file, path, Tensors(model), name => isCheckpoint ? IsModelTensor(name) : !IsIgnored(name));
    }

    public static bool IsCheckpoint(SafeTensorsFile file) =>
        file.Metadata.GetValueOrDefault(ModelMetadata.Kind) == ModelMetadata.CheckpointKind;

    private static bool IsModelTensor(string name) =>
        !name.StartsWith(OptimizerPart, StringComparison.Ordinal) && !name.StartsWith(RandomPart, StringComparison.Ordinal)
        && !name.StartsWith(AveragePart, StringComparison.Ordinal);

    // torchvision counts batches where the momentum is not fixed; nothing here needs the count.
    private static bool IsIgnored(string name) => name.EndsWith(".num_batches_tracked", StringComparison.Ordinal);
}
