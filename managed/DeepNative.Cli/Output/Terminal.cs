using Spectre.Console;

namespace DeepNative.Cli.Output;

/// <summary>
/// Where a command writes: text for people, and the measurement that --json asks for. When the
/// measurement goes to standard output, the text goes to standard error.
/// </summary>
internal sealed class Terminal
{
    // Lines must not be folded to the width of a terminal that nobody has.
    private const int FileWidth = 1000;

    private readonly TextWriter _output;
    private readonly string? _jsonPath;

    /// <summary>Chooses the streams.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    /// <param name="jsonPath">What --json was given, or null.</param>
    /// <exception cref="UsageException">The file's folder does not exist; better known before the work than after it.</exception>
    public Terminal(TextWriter output, TextWriter error, string? jsonPath = null)
    {
        _output = output;
        _jsonPath = jsonPath;
        if (jsonPath is not null && !JsonOnOutput)
        {
            var folder = Path.GetDirectoryName(Path.GetFullPath(jsonPath));
            if (folder is null || Directory.Exists(jsonPath) || !Directory.Exists(folder))
                throw new UsageException($"--json: '{jsonPath}' is a folder or lies in one that does not exist");
        }

        Console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(JsonOnOutput ? error : output) });
        if (!IsLive) Console.Profile.Width = FileWidth;
    }

    /// <summary>For text, tables and progress.</summary>
    public IAnsiConsole Console { get; }

    /// <summary>Whether somebody watches: progress may then be redrawn in place.</summary>
    public bool IsLive => Console.Profile.Out.IsTerminal && Console.Profile.Capabilities.Interactive;

    private bool JsonOnOutput => _jsonPath is "-" or "/dev/stdout";

    /// <summary>Writes a line of plain text.</summary>
    /// <param name="text">The text; brackets have no special meaning.</param>
    public void Line(string text = "") => Console.WriteLine(text);

    /// <summary>Writes what --json asked for, if it did.</summary>
    /// <param name="measurement">The values.</param>
    public void Write(Measurement measurement) => WriteJson(measurement.ToString());

    /// <summary>Writes a text where --json asked for it, if it did.</summary>
    /// <param name="json">The text.</param>
    public void WriteJson(string json)
    {
        if (_jsonPath is null) return;
        if (JsonOnOutput) _output.WriteLine(json);
        else File.WriteAllText(_jsonPath, json + "\n");
    }
}
