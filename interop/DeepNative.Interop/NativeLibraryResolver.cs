using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepNative.Interop;

/// <summary>Finds and loads the native engine at the first call into it.</summary>
internal static unsafe class NativeLibraryResolver
{
    /// <summary>Names the folder that holds the engine, or its file; looked at first.</summary>
    internal const string PathVariable = "DEEPNATIVE_NATIVE_PATH";

    private static readonly Lock _lock = new();
    private static nint _engine;

    /// <summary>The engine's file name on this system.</summary>
    internal static string FileName { get; } =
        OperatingSystem.IsWindows() ? $"{Native.Library}.dll" :
        OperatingSystem.IsMacOS() ? $"lib{Native.Library}.dylib" : $"lib{Native.Library}.so";

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "The resolver must stand before the first import is called.")]
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolve);

    /// <summary>The files to try, in order.</summary>
    /// <param name="configured">The value of <see cref="PathVariable"/>; null or empty when not set.</param>
    /// <param name="baseDirectory">The application's folder.</param>
    internal static IReadOnlyList<string> Candidates(string? configured, string baseDirectory)
    {
        var files = new List<string>();
        if (!string.IsNullOrEmpty(configured))
        {
            var path = Path.GetFullPath(configured);
            files.Add(File.Exists(path) ? path : Path.Combine(path, FileName));
        }
        files.Add(Path.Combine(baseDirectory, FileName));
        foreach (var rid in (string[])[RuntimeInformation.RuntimeIdentifier, PortableRuntimeIdentifier])
            files.Add(Path.Combine(baseDirectory, "runtimes", rid, "native", FileName));
        return [.. files.Distinct()];
    }

    /// <summary>Loads the first candidate that the system accepts, else what the system's own search finds.</summary>
    /// <returns>The handle of a library with the right <c>dn_abi_version</c>.</returns>
    /// <exception cref="NativeLibraryException">Nothing could be loaded, or the first library that could is of another
    /// version; a later candidate is then not tried, because two engines on one machine are a mistake to be seen.</exception>
    internal static nint Load(IEnumerable<string> candidates, string libraryName)
    {
        var failures = new List<string>();
        foreach (var file in candidates)
            if (TryLoad(() => NativeLibrary.Load(file), file, failures, out var handle))
                return Verified(handle, file);
        if (TryLoad(() => NativeLibrary.Load(libraryName, typeof(Native).Assembly, null), "the system's search", failures, out var found))
            return Verified(found, $"'{libraryName}', found by the system's search,");
        throw new NativeLibraryException(
            $"The native engine {FileName} could not be loaded. Tried:\n  {string.Join("\n  ", failures)}\n" +
            $"Build it, or set {PathVariable} to the folder that holds it.");
    }

    // RuntimeInformation's own identifier may name a distribution ("debian.12-x64").
    private static string PortableRuntimeIdentifier =>
        (OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux") + "-" +
        RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Native.Library)
            return 0;
        lock (_lock)
        {
            if (_engine == 0)
                _engine = Load(Candidates(Environment.GetEnvironmentVariable(PathVariable), AppContext.BaseDirectory), Native.Library);
            return _engine;
        }
    }

    private static bool TryLoad(Func<nint> load, string place, List<string> failures, out nint handle)
    {
        try
        {
            handle = load();
            return true;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or FileLoadException)
        {
            failures.Add($"{place}: {Reason(e.Message, place)}");
            handle = 0;
            return false;
        }
    }

    // The runtime puts general advice into the first line and the system's own text, a line a file, behind it.
    private static string Reason(string message, string place)
    {
        var lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var reasons = lines.Length > 1 ? lines[1..] : lines;
        return string.Join("\n    ", reasons.Select(line =>
            line.StartsWith(place + ": ", StringComparison.Ordinal) ? line[(place.Length + 2)..] : line));
    }

    private static nint Verified(nint handle, string place)
    {
        if (!NativeLibrary.TryGetExport(handle, "dn_abi_version", out var export))
        {
            NativeLibrary.Free(handle);
            throw new NativeLibraryException($"{place} is not the DeepNative engine: it has no function dn_abi_version.");
        }
        var version = ((delegate* unmanaged[Cdecl]<int>)export)();
        if (version == Constants.AbiVersion)
            return handle;
        NativeLibrary.Free(handle);
        throw new NativeLibraryException(
            $"{place} has ABI version {version}, but this build of DeepNative needs {Constants.AbiVersion}. " +
            "Native and managed parts must come from the same build.");
    }
}
