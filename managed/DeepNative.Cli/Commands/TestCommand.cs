using System.CommandLine;

namespace DeepNative.Cli.Commands;

/// <summary>Tests are built and run by the launcher; the tool only says so.</summary>
internal sealed class TestCommand : Command
{
    /// <summary>Creates the command.</summary>
    /// <param name="error">Standard error.</param>
    public TestCommand(TextWriter error)
        : base("test", "Builds and runs every test (by the launcher, ./deepnative)")
    {
        TreatUnmatchedTokensAsErrors = false;
        SetAction(_ =>
        {
            error.WriteLine("deepnative: tests are built and run by the launcher: ./deepnative test, in a checkout of the sources");
            return ExitCodes.Usage;
        });
    }
}
