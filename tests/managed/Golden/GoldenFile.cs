using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using DeepNative.Serialization;

namespace DeepNative.Tests.Golden;

/// <summary>What PyTorch computed: a case of tests/golden/FAMILY.safetensors, written by make_golden.py.</summary>
/// <param name="Name">The case's name.</param>
/// <param name="Attributes">What the thing under test is to be built from.</param>
/// <param name="Tensors">Inputs and results by name.</param>
internal sealed record GoldenCase(string Name, JsonElement Attributes, IReadOnlyDictionary<string, GoldenTensor> Tensors)
{
    public GoldenTensor this[string tensor] =>
        Tensors.TryGetValue(tensor, out var found) ? found : throw new KeyNotFoundException($"golden case '{Name}' has no tensor '{tensor}'.");

    public override string ToString() => Name;
}

/// <summary>A tensor of a case; numbers row-major.</summary>
internal sealed record GoldenTensor(DType DType, Shape Shape, double[] Numbers);

/// <summary>Reads the golden files.</summary>
internal static class GoldenFile
{
    /// <summary>All cases of a family, for test case sources.</summary>
    public static IReadOnlyList<GoldenCase> Load(string family)
    {
        using var file = SafeTensors.Open(Path.Combine(Folder(), family + ".safetensors"));
        using var attributes = JsonDocument.Parse(file.Metadata["cases"]);
        var cases = new List<GoldenCase>();
        foreach (var entry in attributes.RootElement.EnumerateObject())
        {
            var prefix = entry.Name + "/";
            var tensors = file.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
                .ToDictionary(name => name[prefix.Length..], name => Read(file, name));
            cases.Add(new GoldenCase(entry.Name, entry.Value.Clone(), tensors));
        }

        Assert.That(cases, Is.Not.Empty, family);
        return cases;
    }

    private static GoldenTensor Read(SafeTensorsFile file, string name)
    {
        var info = file.Info(name);
        var bytes = new byte[info.Bytes];
        file.Read(name, bytes);
        var (dtype, numbers) = info.Type.ToString() switch
        {
            "F32" => (DType.Float32, Array.ConvertAll(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), n => (double)n)),
            "I32" => (DType.Int32, Array.ConvertAll(MemoryMarshal.Cast<byte, int>(bytes).ToArray(), n => (double)n)),
            "I64" => (DType.Int64, Array.ConvertAll(MemoryMarshal.Cast<byte, long>(bytes).ToArray(), n => (double)n)),
            "U8" => (DType.UInt8, Array.ConvertAll(bytes, n => (double)n)),
            var other => throw new InvalidDataException($"golden tensor '{name}' is {other}."),
        };
        return new GoldenTensor(dtype, new Shape(info.Shape), numbers);
    }

    private static string Folder([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "golden");
}
