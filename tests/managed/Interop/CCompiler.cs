using System.ComponentModel;
using System.Diagnostics;

namespace DeepNative.Tests.Interop;

/// <summary>Builds small C programs and libraries in a folder of their own.</summary>
internal sealed class CCompiler : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("deepnative-test-").FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>Compiles a program and returns what it prints.</summary>
    public string Run(string source, params string[] options)
    {
        var program = Path.Combine(Folder, "program");
        Compile(source, ["-o", program, .. options]);
        return Output(program, []);
    }

    /// <summary>Compiles a shared library to a path below the folder.</summary>
    public string Library(string source, string name)
    {
        var path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Compile(source, ["-shared", "-fPIC", "-o", path]);
        return path;
    }

    private void Compile(string source, string[] options)
    {
        var file = Path.Combine(Folder, "source.c");
        File.WriteAllText(file, source);
        Output("cc", ["-std=c99", file, .. options]);
    }

    private static string Output(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        try
        {
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero, () => errors.Result);
            return output;
        }
        catch (Win32Exception) when (program == "cc")
        {
            Assert.Ignore("no C compiler (cc) on this machine");
            throw;
        }
    }
}
