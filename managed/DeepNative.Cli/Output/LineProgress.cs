namespace DeepNative.Cli.Output;

/// <summary>Writes every report as a line, at once and in order.</summary>
/// <param name="terminal">Where to.</param>
internal sealed class LineProgress(Terminal terminal) : IProgress<string>
{
    /// <inheritdoc/>
    public void Report(string value) => terminal.Line(value);
}
