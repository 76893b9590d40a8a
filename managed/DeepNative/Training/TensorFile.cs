using System.Runtime.InteropServices;
using System.Text;
using DeepNative.Serialization;

namespace DeepNative.Training;

/// <summary>Device tensors to and from safetensors files.</summary>
internal static class TensorFile
{
    /// <summary>Differences shown before the rest is only counted.</summary>
    private const int MostDifferences = 20;

    /// <summary>
    /// Writes all tensors, atomically. Returns the name of a float32 tensor that holds a number that is
    /// not finite, in which case nothing was written; else null.
    /// </summary>
    public static string? Save(
        string path, IReadOnlyList<NamedTensor> tensors, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TensorEntry>? more = null)
    {
        var entries = new List<TensorEntry>(tensors.Count + (more?.Count ?? 0));
        foreach (var (name, tensor) in tensors)
        {
            var data = Copy(tensor);
            if (tensor.DType == DType.Float32 && !IsFinite(data)) return name;
            entries.Add(Entry(name, tensor.DType, tensor.Shape, data));
        }

        if (more is not null) entries.AddRange(more);
        SafeTensors.Write(path, entries, metadata);
        return null;
    }

    /// <summary>An entry of a file.</summary>
    public static TensorEntry Entry(string name, DType dtype, Shape shape, byte[] data)
    {
        var extents = new long[shape.Rank];
        shape.CopyTo(extents);
        return TensorEntry.Create(name, FileType(dtype), extents, data);
    }

    /// <summary>A tensor's bytes in host memory.</summary>
    public static byte[] Copy(Tensor tensor)
    {
        var data = new byte[checked((int)(tensor.Shape.Count * tensor.DType.Size()))];
        ReadBytes(tensor, data);
        return data;
    }

    /// <summary>Writes what <see cref="Copy"/> gave.</summary>
    public static void Restore(Tensor tensor, byte[] data) => WriteBytes(tensor, data);

    /// <summary>
    /// Reads all tensors. Nothing is changed unless every one of them is in the file with the right type
    /// and shape, and the file has no other in the same part.
    /// </summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="tensors">What to read.</param>
    /// <param name="belongs">Tells the names of the part that is read from others.</param>
    /// <exception cref="InvalidDataException">The tensors differ; missing, extra and differing ones are listed.</exception>
    public static void Load(
        SafeTensorsFile file, string path, IReadOnlyList<NamedTensor> tensors, Func<string, bool> belongs)
    {
        if (Differences(file, tensors, belongs) is { Count: > 0 } differences) throw Mismatch(path, differences);
        var contents = new byte[tensors.Count][];
        for (var i = 0; i < contents.Length; i++)
        {
            contents[i] = new byte[file.Info(tensors[i].Name).Bytes];
            file.Read(tensors[i].Name, contents[i].AsSpan());
        }

        for (var i = 0; i < contents.Length; i++) WriteBytes(tensors[i].Tensor, contents[i]);
    }

    private static List<string> Differences(SafeTensorsFile file, IReadOnlyList<NamedTensor> tensors, Func<string, bool> belongs)
    {
        var differences = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            known.Add(name);
            if (!file.Contains(name))
            {
                differences.Add($"missing: '{name}', {FileType(tensor.DType).FileName()} {tensor.Shape}");
                continue;
            }

            var info = file.Info(name);
            if (info.Type != FileType(tensor.DType) || new Shape(info.Shape) != tensor.Shape)
                differences.Add($"differs: '{name}' is {info}, expected {FileType(tensor.DType).FileName()} {tensor.Shape}");
        }

        foreach (var name in file.Names)
            if (belongs(name) && !known.Contains(name)) differences.Add($"extra: '{name}', {file.Info(name)}");
        return differences;
    }

    private static InvalidDataException Mismatch(string path, List<string> differences)
    {
        var text = new StringBuilder($"{path} does not fit the model:");
        for (var i = 0; i < Math.Min(differences.Count, MostDifferences); i++) text.Append("\n  ").Append(differences[i]);
        if (differences.Count > MostDifferences) text.Append($"\n  and {differences.Count - MostDifferences} more");
        return new InvalidDataException(text.ToString());
    }

    private static bool IsFinite(ReadOnlySpan<byte> data)
    {
        foreach (var value in MemoryMarshal.Cast<byte, float>(data))
            if (!float.IsFinite(value)) return false;
        return true;
    }

    private static void ReadBytes(Tensor tensor, Span<byte> data)
    {
        switch (tensor.DType)
        {
            case DType.Float32: tensor.Read(MemoryMarshal.Cast<byte, float>(data)); break;
            case DType.Int64: tensor.Read(MemoryMarshal.Cast<byte, long>(data)); break;
            default: throw NoSuchType(tensor.DType);
        }
    }

    private static void WriteBytes(Tensor tensor, ReadOnlySpan<byte> data)
    {
        switch (tensor.DType)
        {
            case DType.Float32: tensor.Write(MemoryMarshal.Cast<byte, float>(data)); break;
            case DType.Int64: tensor.Write(MemoryMarshal.Cast<byte, long>(data)); break;
            default: throw NoSuchType(tensor.DType);
        }
    }

    private static SafeTensorType FileType(DType dtype) => dtype switch
    {
        DType.Float32 => SafeTensorType.F32,
        DType.Int64 => SafeTensorType.I64,
        _ => throw NoSuchType(dtype),
    };

    // Models and optimisers keep float32 numbers and int64 counts and states; nothing else reaches a file.
    private static NotSupportedException NoSuchType(DType dtype) => new($"no model tensor is {dtype}.");
}
