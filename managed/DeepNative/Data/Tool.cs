using System.Diagnostics;

namespace DeepNative.Data;

/// <summary>A program of this machine, run to fetch data.</summary>
internal static class Tool
{
    /// <summary>Full path of a program on PATH; null where there is none.</summary>
    internal static string? Find(string name)
    {
        var fileName = OperatingSystem.IsWindows() ? name + ".cmd" : name;
        foreach (var folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
        {
            var path = Path.Combine(folder, fileName);
            if (folder.Length > 0 && File.Exists(path)) return path;
        }

        return null;
    }

    /// <summary>Runs to the end; output is handed to <paramref name="read"/> as it comes.</summary>
    /// <exception cref="IOException">The program failed (with its last words) or ran out of time.</exception>
    internal static async Task RunAsync(
        string program, string[] arguments, string folder, TimeSpan limit, CancellationToken token,
        Func<Stream, CancellationToken, Task>? read = null)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(token);
        ends.CancelAfter(limit);
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync(ends.Token);
            if (read is not null) await read(process.StandardOutput.BaseStream, ends.Token).ConfigureAwait(false);
            await process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, ends.Token).ConfigureAwait(false);
            await process.WaitForExitAsync(ends.Token).ConfigureAwait(false);
            var said = await errors.ConfigureAwait(false);
            if (process.ExitCode != 0)
                throw new IOException($"ended with {process.ExitCode}: {LastLines(said)}");
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            throw new IOException($"gave no result within {limit.TotalSeconds:0} s");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static string LastLines(string text)
    {
        const int shown = 3;
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return string.Join("; ", lines[Math.Max(0, lines.Length - shown)..]);
    }
}
