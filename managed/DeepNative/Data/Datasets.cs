namespace DeepNative.Data;

/// <summary>The data sets that the library can fetch by name.</summary>
public static class Datasets
{
    private static readonly DatasetDescription[] _all = [Cifar10.Description, Cifar100.Description, FashionMnist.Description, Mnist.Description];

    /// <summary>All names, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names { get; } = Array.ConvertAll(_all, static set => set.Name);

    /// <summary>The description of a data set.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>The description.</returns>
    /// <exception cref="ArgumentException">There is no such data set; the message lists the known ones.</exception>
    public static DatasetDescription Find(string name)
    {
        foreach (var set in _all)
            if (string.Equals(set.Name, name, StringComparison.OrdinalIgnoreCase)) return set;
        throw new ArgumentException($"Unknown data set '{name}'; known are {string.Join(", ", Names)}.", nameof(name));
    }

    /// <summary>Loads a data set, fetching what the cache lacks.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <param name="cache">Where files are kept; null for the default folder.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>Both parts, in memory.</returns>
    /// <exception cref="ArgumentException">There is no such data set; the message lists the known ones.</exception>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ImageSplits Load(
        string name, DatasetCache? cache = null, IProgress<string>? progress = null, CancellationToken token = default) =>
        Load(Find(name), cache, progress, token);

    /// <summary>Loads a described data set, fetching what the cache lacks.</summary>
    /// <param name="description">The data set.</param>
    /// <param name="cache">Where files are kept; null for the default folder.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>Both parts, in memory.</returns>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ImageSplits Load(
        DatasetDescription description, DatasetCache? cache = null, IProgress<string>? progress = null,
        CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(description);
        var folder = (cache ?? new DatasetCache()).Fetch(description, progress, token);
        return description.Format.Read(description.Name, folder, description.ClassNames);
    }
}
