using System.ComponentModel;
using System.Diagnostics;

namespace DeepNative.Generator;

/// <summary>Runs the clang compiler of this machine.</summary>
internal static class Clang
{
    private static readonly string[] _names =
        ["clang", "clang-14", "clang-15", "clang-16", "clang-17", "clang-18", "clang-19"];

    /// <summary>The first clang on the search path, or null when there is none.</summary>
    public static string? Find()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var suffix = OperatingSystem.IsWindows() ? ".exe" : "";
        return _names.SelectMany(name => folders.Select(folder => Path.Combine(folder, name + suffix)))
                     .FirstOrDefault(File.Exists);
    }

    /// <summary>The names that <see cref="Find"/> looks for.</summary>
    public static string Names => string.Join(", ", _names);

    /// <summary>The syntax tree of a C99 header as JSON.</summary>
    public static string SyntaxTree(string clang, string header) =>
        Run(clang, header, "-Xclang", "-ast-dump=json", "-fsyntax-only");

    /// <summary>All macros at the end of a header, as <c>#define</c> lines.</summary>
    public static string Macros(string clang, string header) => Run(clang, header, "-dM", "-E");

    private static string Run(string clang, string header, params string[] arguments)
    {
        var start = new ProcessStartInfo(clang) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])["-x", "c", "-std=c99", "-Wno-pragma-once-outside-header", .. arguments, header])
            start.ArgumentList.Add(argument);
        using var process = StartProcess(start);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new GeneratorException($"{clang} could not read {header}:\n{errors.Result}");
        return output;
    }

    private static Process StartProcess(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new GeneratorException($"{start.FileName} could not be started: {e.Message}");
        }
    }
}
