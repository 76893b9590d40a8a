namespace DeepNative.Cli;

/// <summary>What the tool returns to the shell.</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Success = 0;

    /// <summary>The work failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line is wrong or names something unknown.</summary>
    public const int Usage = 2;

    /// <summary>Ended by Ctrl-C or SIGTERM, state saved; 128 + SIGINT, as shells count.</summary>
    public const int Interrupted = 130;
}
