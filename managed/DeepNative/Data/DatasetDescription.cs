namespace DeepNative.Data;

/// <summary>What a data set consists of and where it can be had. Content is checked, so a source need not be trusted.</summary>
public sealed record DatasetDescription
{
    /// <summary>The short name that users type, and the name of its folder in the cache.</summary>
    public required string Name { get; init; }

    /// <summary>IDX images to learn from.</summary>
    public required DatasetFile TrainImages { get; init; }

    /// <summary>IDX labels to learn from.</summary>
    public required DatasetFile TrainLabels { get; init; }

    /// <summary>IDX images to measure with.</summary>
    public required DatasetFile TestImages { get; init; }

    /// <summary>IDX labels to measure with.</summary>
    public required DatasetFile TestLabels { get; init; }

    /// <summary>One name per class.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>Folders of this machine where a package may have put the files (with ".gz").</summary>
    public IReadOnlyList<string> LocalFolders { get; init; } = [];

    /// <summary>Addresses that serve the files as name + ".gz", each ending in "/".</summary>
    public IReadOnlyList<Uri> Mirrors { get; init; } = [];

    /// <summary>An npm package, "name@version", that holds the files in its folder "data"; or null.</summary>
    public string? NpmPackage { get; init; }

    /// <summary>A Debian package that holds the files, with ".gz"; or null.</summary>
    public string? DebianPackage { get; init; }

    /// <summary>All four files.</summary>
    public IReadOnlyList<DatasetFile> Files => [TrainImages, TrainLabels, TestImages, TestLabels];
}
