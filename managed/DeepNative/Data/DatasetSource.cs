using System.Formats.Tar;
using System.IO.Compression;

namespace DeepNative.Data;

/// <summary>A place that may give the files of a data set.</summary>
internal abstract class DatasetSource
{
    /// <summary>Stores what it can. A failure is noted in the fetch; only cancellation is thrown.</summary>
    internal abstract Task FetchAsync(DatasetFetch fetch);

    /// <summary>Stores the missing files found in a tar stream, in whatever folder they lie there.</summary>
    protected static async Task StoreFromTarAsync(DatasetFetch fetch, Stream tar, CancellationToken token)
    {
        await using var reader = new TarReader(tar, leaveOpen: true);
        while (fetch.Missing.Count > 0
            && await reader.GetNextEntryAsync(copyData: false, token).ConfigureAwait(false) is { } entry)
        {
            if (entry.DataStream is not { } content || fetch.FindMissing(Path.GetFileName(entry.Name)) is not { } file)
                continue;
            var packed = entry.Name.EndsWith(".gz", StringComparison.Ordinal);
            await fetch.StoreAsync(file, content, packed, token).ConfigureAwait(false);
        }
    }

    /// <summary>As <see cref="StoreFromTarAsync"/>, of a tar stream packed with gzip.</summary>
    protected static async Task StoreFromArchiveAsync(DatasetFetch fetch, Stream archive, CancellationToken token)
    {
        await using var tar = new GZipStream(archive, CompressionMode.Decompress, leaveOpen: true);
        await StoreFromTarAsync(fetch, tar, token).ConfigureAwait(false);
    }

    protected static string Describe(IReadOnlyList<DatasetFile> files) =>
        string.Join(", ", files.Select(static file => file.Name));

    /// <summary>Failures of a place, as against faults of this program.</summary>
    internal static bool IsOfThePlace(Exception error, DatasetFetch fetch) =>
        !fetch.Token.IsCancellationRequested
        && error is IOException or InvalidDataException or UnauthorizedAccessException or HttpRequestException
            or OperationCanceledException or FormatException or System.ComponentModel.Win32Exception;
}
