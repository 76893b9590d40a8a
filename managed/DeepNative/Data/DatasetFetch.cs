using System.IO.Compression;
using System.Security.Cryptography;
using DeepNative.Serialization;

namespace DeepNative.Data;

/// <summary>One attempt to complete a data set: what is missing, what failed, and the only way into the cache.</summary>
internal sealed class DatasetFetch(
    string folder, DatasetDescription description, IProgress<string>? progress, CancellationToken token)
{
    internal string Folder => folder;

    internal DatasetDescription Description => description;

    internal CancellationToken Token => token;

    /// <summary>Files that no source has given yet.</summary>
    internal List<DatasetFile> Missing { get; } = [];

    /// <summary>One line per place that was tried in vain.</summary>
    internal List<string> Failures { get; } = [];

    internal void Report(string line) => progress?.Report($"{description.Name}: {line}");

    internal void Fail(string place, string reason)
    {
        Lack(place, reason);
        Report($"{place}: {reason}");
    }

    /// <summary>As <see cref="Fail"/>, for what is no surprise and need not be told as it happens.</summary>
    internal void Lack(string place, string reason) => Failures.Add($"{place}: {reason}");

    /// <summary>The missing file of this name, with or without ".gz"; else null.</summary>
    internal DatasetFile? FindMissing(string fileName)
    {
        foreach (var file in Missing)
            if (fileName == file.Name || fileName == file.Name + ".gz") return file;
        return null;
    }

    /// <summary>Unpacks where needed, checks, and only then lets the file appear.</summary>
    /// <exception cref="InvalidDataException">The content is not the expected one.</exception>
    internal async Task StoreAsync(DatasetFile file, Stream content, bool packed, CancellationToken storeToken)
    {
        var unpacked = packed ? new GZipStream(content, CompressionMode.Decompress, leaveOpen: true) : content;
        try
        {
            using var target = AtomicFile.Create(Path.Combine(folder, file.Name));
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[1 << 17];
            long total = 0;
            for (int read; (read = await unpacked.ReadAsync(buffer, storeToken).ConfigureAwait(false)) > 0;)
            {
                total += read;
                if (total > file.Bytes)
                    throw new InvalidDataException($"{file.Name} is longer than the expected {file.Bytes} bytes");
                hash.AppendData(buffer, 0, read);
                await target.Stream.WriteAsync(buffer.AsMemory(0, read), storeToken).ConfigureAwait(false);
            }

            if (total != file.Bytes)
                throw new InvalidDataException($"{file.Name} has {total} bytes, expected {file.Bytes}");
            var found = Convert.ToHexStringLower(hash.GetHashAndReset());
            if (found != file.Sha256)
                throw new InvalidDataException($"{file.Name} has SHA-256 {found}, expected {file.Sha256}");
            target.Commit();
        }
        finally
        {
            if (packed) await unpacked.DisposeAsync().ConfigureAwait(false);
        }

        Missing.Remove(file);
        Report($"{file.Name} stored and checked");
    }

    /// <summary>A folder of its own inside the cache, removed at the end.</summary>
    internal ScratchFolder CreateScratch() =>
        new(Directory.CreateDirectory(
            Path.Combine(folder, $".{Guid.NewGuid():N}{AtomicFile.TemporarySuffix}")).FullName);

    internal sealed record ScratchFolder(string Path) : IDisposable
    {
        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
