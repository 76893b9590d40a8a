using DeepNative.Layers;
using DeepNative.Serialization;

namespace DeepNative.Training;

/// <summary>The model's part of a weights or checkpoint file.</summary>
internal static class ModelFile
{
    public const string OptimizerPart = "optimizer.";
    public const string RandomPart = "random.";
    public const string AveragePart = "average.";

    private const string BestPart = "best.";

    public static List<NamedTensor> Tensors(Layer model, AveragedWeights? average = null)
    {
        var tensors = new List<NamedTensor>();
        foreach (var parameter in model.Parameters())
            tensors.Add(new NamedTensor(parameter.Name, average?.Find(parameter) ?? parameter.Tensor!));
        return tensors;
    }

    /// <summary>Reads the parameters of a model, which gets tensors where it has none; all but those of some names.</summary>
    public static void Load(SafeTensorsFile file, string path, Layer model, Device device, IReadOnlySet<string>? but = null)
    {
        model.Materialize(device, seed: 0);
        var isCheckpoint = IsCheckpoint(file);
        var tensors = Tensors(model);
        if (but is not null) tensors.RemoveAll(tensor => but.Contains(tensor.Name));
        TensorFile.Load(file, path, tensors, name => but?.Contains(name) != true && (isCheckpoint ? IsModelTensor(name) : !IsIgnored(name)));
    }

    public static bool IsCheckpoint(SafeTensorsFile file) =>
        file.Metadata.GetValueOrDefault(ModelMetadata.Kind) == ModelMetadata.CheckpointKind;

    /// <summary>Whether a tensor of a checkpoint is one of the best epoch's.</summary>
    public static bool IsBest(string name) => name.StartsWith(BestPart, StringComparison.Ordinal);

    /// <summary>The best epoch's weights for a checkpoint.</summary>
    public static List<TensorEntry>? BestEntries(Layer model, IReadOnlyDictionary<string, byte[]>? weights) =>
        weights is null
            ? null
            : [.. model.Parameters().Select(parameter =>
                TensorFile.Entry(BestPart + parameter.Name, parameter.DType, parameter.Shape, weights[parameter.Name]))];

    /// <summary>The best epoch's weights of a checkpoint; null where it keeps none.</summary>
    public static Dictionary<string, byte[]>? ReadBest(SafeTensorsFile file, string path, Layer model)
    {
        if (!file.Names.Any(IsBest)) return null;
        var weights = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var parameter in model.Parameters())
        {
            var name = BestPart + parameter.Name;
            var bytes = parameter.Shape.Count * parameter.DType.Size();
            if (!file.Contains(name) || file.Info(name).Bytes != bytes)
                throw new InvalidDataException($"{path} does not fit the model:\n  missing or of another size: '{name}', {parameter.Shape}");
            var data = new byte[bytes];
            file.Read(name, data.AsSpan());
            weights.Add(parameter.Name, data);
        }

        return weights;
    }

    private static bool IsModelTensor(string name) =>
        !name.StartsWith(OptimizerPart, StringComparison.Ordinal) && !name.StartsWith(RandomPart, StringComparison.Ordinal)
        && !name.StartsWith(AveragePart, StringComparison.Ordinal) && !IsBest(name);

    // torchvision counts batches where the momentum is not fixed; nothing here needs the count.
    private static bool IsIgnored(string name) => name.EndsWith(".num_batches_tracked", StringComparison.Ordinal);
}
