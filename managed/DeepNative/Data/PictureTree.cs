namespace DeepNative.Data;

/// <summary>The files of a folder of pictures: parts, classes, paths. Nothing is opened.</summary>
internal sealed class PictureTree
{
    private static readonly string[] _trainNames = ["train", "training"];
    private static readonly string[] _validationNames = ["val", "valid", "validation"];
    private static readonly string[] _testNames = ["test", "testing"];

    private PictureTree(string folder, IReadOnlyList<string> classes) => (Folder, Classes) = (folder, classes);

    public string Folder { get; }

    /// <summary>Names in ordinal order.</summary>
    public IReadOnlyList<string> Classes { get; }

    public Part Train { get; private set; } = new([], []);

    public Part? Validation { get; private set; }

    public Part? Test { get; private set; }

    public IEnumerable<Part> Parts
    {
        get
        {
            yield return Train;
            if (Validation is not null) yield return Validation;
            if (Test is not null) yield return Test;
        }
    }

    /// <summary>Lists a folder: one folder per class, or train/ and val/ or test/ with such folders.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">Not such a folder, a class without files, a single class; the message says which.</exception>
    public static PictureTree Scan(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"{folder}: there is no such folder.");
        var train = FindPart(folder, _trainNames);
        if (train is null)
        {
            if (FindPart(folder, _validationNames) is { } orphan || (orphan = FindPart(folder, _testNames)) is not null)
                throw new InvalidDataException($"{orphan} has no folder \"train\" beside it.");
            var flat = new PictureTree(folder, Names(folder));
            flat.Train = flat.Read(folder);
            return flat;
        }

        var tree = new PictureTree(folder, Names(train));
        tree.Train = tree.Read(train);
        tree.Validation = FindPart(folder, _validationNames) is { } validation ? tree.Read(validation) : null;
        tree.Test = FindPart(folder, _testNames) is { } test ? tree.Read(test) : null;
        return tree;
    }

    /// <summary>Folders inside, in ordinal order; hidden ones and loops of links are left out.</summary>
    private static List<string> Names(string folder)
    {
        var names = new List<string>();
        foreach (var path in Directory.EnumerateDirectories(folder))
        {
            var name = Path.GetFileName(path);
            if (!IsHidden(name) && !LeadsBack(path, [RealPath(folder)], out _)) names.Add(name);
        }

        names.Sort(StringComparer.Ordinal);
        return names.Count switch
        {
            0 => throw new InvalidDataException($"{folder}: there are no folders in it, expected one for each class."),
            1 => throw new InvalidDataException($"{folder}: \"{names[0]}\" is the only class, expected two or more."),
            _ => names,
        };
    }

    private static string? FindPart(string folder, string[] names) =>
        names.Select(name => Path.Combine(folder, name)).FirstOrDefault(Directory.Exists);

    private Part Read(string folder)
    {
        foreach (var name in Directory.EnumerateDirectories(folder).Select(Path.GetFileName))
        {
            if (!IsHidden(name!) && !Classes.Contains(name) && !LeadsBack(Path.Combine(folder, name!), [RealPath(folder)], out _))
                throw new InvalidDataException($"{Path.Combine(folder, name!)}: training has no class \"{name}\".");
        }

        var (paths, labels) = (new List<string>(), new List<int>());
        var empty = new List<string>();
        for (var label = 0; label < Classes.Count; label++)
        {
            var path = Path.Combine(folder, Classes[label]);
            var before = paths.Count;
            if (Directory.Exists(path)) Collect(path, [RealPath(folder)], paths);
            paths.Sort(before, paths.Count - before, StringComparer.Ordinal);
            if (paths.Count == before) empty.Add(path);
            while (labels.Count < paths.Count) labels.Add(label);
        }

        if (paths.Count == 0) throw new InvalidDataException($"{folder}: there are no pictures in it.");
        // What is only measured with may lack a class.
        if (empty.Count > 0 && Train.Paths.Length == 0)
            throw new InvalidDataException($"{string.Join(", ", empty)}: no pictures of this class.");
        return new Part([.. paths], [.. labels]);
    }

    // The chain holds the real paths of the folders that lead here.
    private static void Collect(string folder, List<string> chain, List<string> paths)
    {
        if (LeadsBack(folder, chain, out var real)) return;
        chain.Add(real);
        foreach (var path in Directory.EnumerateFiles(folder))
            if (!IsHidden(Path.GetFileName(path))) paths.Add(path);
        foreach (var path in Directory.EnumerateDirectories(folder))
            if (!IsHidden(Path.GetFileName(path))) Collect(path, chain, paths);
        chain.RemoveAt(chain.Count - 1);
    }

    private static bool LeadsBack(string folder, List<string> chain, out string real)
    {
        real = RealPath(folder);
        foreach (var above in chain)
            if (above == real || above.StartsWith(real + Path.DirectorySeparatorChar, StringComparison.Ordinal)) return true;
        return false;
    }

    private static string RealPath(string folder) =>
        Directory.ResolveLinkTarget(folder, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(folder);

    private static bool IsHidden(string name) => name.StartsWith('.');

    /// <summary>Files and the class of each, class after class.</summary>
    internal sealed record Part(string[] Paths, int[] Labels);
}
