using System.Runtime.InteropServices;

namespace DeepNative.Serialization;

/// <summary>
/// Writes a file so that a reader sees either the old content or the whole new one: into a temporary
/// file beside the target, synced to disk, then renamed over it. Disposing without
/// <see cref="Commit"/> removes the temporary file and leaves the target as it was.
/// </summary>
/// <remarks>Not thread-safe; several writers of one target are safe, the last commit wins.</remarks>
public sealed partial class AtomicFile : IDisposable
{
    private readonly string _path;
    private readonly string _temporary;
    private readonly FileStream _stream;
    private bool _done;

    private AtomicFile(string path)
    {
        _path = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(_path)
            ?? throw new ArgumentException($"'{path}' is not a file path.", nameof(path));
        _temporary = Path.Combine(folder, $".{Path.GetFileName(_path)}.{Guid.NewGuid():N}{TemporarySuffix}");
        // No buffer: an error of the disk shows in Write, never first in Dispose.
        _stream = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
    }

    /// <summary>How the name of every temporary file ends.</summary>
    internal const string TemporarySuffix = ".tmp";

    /// <summary>Where the new content is written. Unbuffered: write in large pieces.</summary>
    public Stream Stream => _stream;

    /// <summary>Opens the temporary file beside <paramref name="path"/>.</summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <returns>The writer.</returns>
    /// <exception cref="IOException">The temporary file cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written.</exception>
    public static AtomicFile Create(string path) => new(path);

    /// <summary>Syncs the content to disk and renames it over the target.</summary>
    /// <exception cref="IOException">The disk is full or failed; the target is as it was.</exception>
    /// <exception cref="InvalidOperationException">Already committed or disposed.</exception>
    public void Commit()
    {
        if (_done) throw new InvalidOperationException($"'{_path}' is already written or given up.");
        _stream.Flush(flushToDisk: true);
        _stream.Dispose();
        File.Move(_temporary, _path, overwrite: true);
        _done = true;
        SyncFolder(Path.GetDirectoryName(_path)!);
    }

    /// <summary>Gives up, unless committed: the temporary file is removed.</summary>
    public void Dispose()
    {
        if (_done) return;
        _done = true;
        _stream.Dispose();
        File.Delete(_temporary);
    }

    // The rename itself survives a power cut only once the folder is synced. Best effort: some file
    // systems refuse it, and Windows has no such call.
    private static void SyncFolder(string folder)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS()) return;
        const int readOnly = 0;
        var descriptor = Open(folder, readOnly);
        if (descriptor < 0) return;
        _ = Fsync(descriptor);
        _ = Close(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
