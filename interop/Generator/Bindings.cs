namespace DeepNative.Generator;

/// <summary>The checked-in binding files of one source tree.</summary>
internal sealed class Bindings(string root)
{
    private const string HeaderFile = "native/include/deepnative.h";
    private const string OutputFolder = "interop/DeepNative.Interop/Generated";

    /// <summary>The header's full path.</summary>
    public string HeaderPath { get; } = Path.GetFullPath(Path.Combine(root, HeaderFile));

    private readonly string _output = Path.GetFullPath(Path.Combine(root, OutputFolder));

    /// <summary>The nearest folder, from this one upwards, that holds the header.</summary>
    /// <exception cref="GeneratorException">There is none.</exception>
    public static string FindRoot(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, HeaderFile)))
                return folder.FullName;
        throw new GeneratorException($"neither {start} nor a folder above it has {HeaderFile}");
    }

    /// <summary>Writes all files and removes those that are no longer generated; returns their names.</summary>
    public IReadOnlyList<string> Write(string clang)
    {
        var files = Generate(clang);
        Directory.CreateDirectory(_output);
        foreach (var stale in ExistingFiles().Where(name => !files.ContainsKey(name)))
            File.Delete(Path.Combine(_output, stale));
        foreach (var (name, text) in files)
            File.WriteAllText(Path.Combine(_output, name), text);
        return [.. files.Keys.Select(name => $"{OutputFolder}/{name}")];
    }

    /// <summary>One text for each file that differs from what would be written, with its first differing line.</summary>
    public IReadOnlyList<string> Differences(string clang)
    {
        var files = Generate(clang);
        var differences = new List<string>();
        foreach (var (name, text) in files)
        {
            var path = Path.Combine(_output, name);
            var present = File.Exists(path) ? File.ReadAllText(path) : "";
            if (present != text)
                differences.Add($"{OutputFolder}/{name}{FirstDifference(present, text)}");
        }
        differences.AddRange(ExistingFiles().Where(name => !files.ContainsKey(name))
                                            .Select(name => $"{OutputFolder}/{name} is no longer generated"));
        return differences;
    }

    private SortedDictionary<string, string> Generate(string clang) =>
        CSharpWriter.Write(HeaderReader.Read(clang, HeaderPath));

    private IEnumerable<string> ExistingFiles() =>
        Directory.Exists(_output) ? Directory.EnumerateFiles(_output, "*.g.cs").Select(f => Path.GetFileName(f)) : [];

    private static string FirstDifference(string present, string wanted)
    {
        var found = present.Split('\n');
        var expected = wanted.Split('\n');
        var line = found.Zip(expected).TakeWhile(pair => pair.First == pair.Second).Count();
        return $":{line + 1}\n  found    {At(found, line)}\n  expected {At(expected, line)}";

        static string At(string[] lines, int index) => index < lines.Length ? lines[index].Trim() : "(end of file)";
    }
}
