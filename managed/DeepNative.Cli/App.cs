using System.CommandLine;
using DeepNative.Cli.Commands;
using DeepNative.Data;
using DeepNative.Recipes;
using DeepNative.Training;

namespace DeepNative.Cli;

/// <summary>The tool: parses the command line, runs a command, turns failures into one line and an exit code.</summary>
internal static class App
{
    private const string DebugVariable = "DEEPNATIVE_DEBUG";

    /// <summary>Runs the tool.</summary>
    /// <param name="arguments">The command line without the program's name.</param>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static int Run(string[] arguments, TextWriter output, TextWriter error)
    {
        // The name that users type, which is the launcher's.
        var root = new RootCommand("DeepNative trains and runs neural networks.") { HelpName = "deepnative" };
        foreach (var command in CreateCommands(output, error)) root.Subcommands.Add(command);
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            // The parser's texts may have several lines.
            var words = parsed.Errors[0].Message.Split((char[])[' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
            error.WriteLine($"deepnative: {string.Join(' ', words)} (see deepnative {CommandName(parsed)}--help)");
            return ExitCodes.Usage;
        }

        try
        {
            // Commands that can be interrupted handle the signals themselves.
            return parsed.Invoke(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
                Output = output,
                Error = error,
            });
        }
        catch (Exception exception)
        {
            return Report(exception, error);
        }
    }

    private static IEnumerable<Command> CreateCommands(TextWriter output, TextWriter error)
    {
        yield return new TrainCommand(output, error);
        yield return new EvalCommand(output, error);
        yield return new PredictCommand(output, error);
        yield return new CamCommand(output, error);
        yield return new SegmentCommand(output, error);
        yield return new InspectCommand(output, error);
        yield return new ReportCommand(output, error);
        yield return new PlotCommand(output, error);
        yield return new BenchCommand(output, error);
        yield return new DevicesCommand(output, error);
        yield return new DataCommand(output, error);
        yield return new TestCommand(error);
    }

    private static string CommandName(ParseResult parsed) =>
        parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";

    private static int Report(Exception exception, TextWriter error)
    {
        var debug = Environment.GetEnvironmentVariable(DebugVariable) is "1";
        var expected = exception is UsageException or RecipeException or DeepNativeException or NativeLibraryException or TrainingDivergedException
            or IOException or UnauthorizedAccessException or InvalidDataException or PictureException or OperationCanceledException;
        error.WriteLine(
            debug ? $"deepnative: {exception}"
            : expected ? $"deepnative: {exception.Message}"
            : $"deepnative: {exception.GetType().Name}: {exception.Message} ({DebugVariable}=1 shows where)");
        return exception switch
        {
            UsageException or RecipeException or DeepNativeException { Status: Status.NotFound } => ExitCodes.Usage,
            OperationCanceledException => ExitCodes.Interrupted,
            _ => ExitCodes.Failure,
        };
    }
}
