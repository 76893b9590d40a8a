namespace DeepNative.Cli;

/// <summary>The command line asks for something that does not exist or cannot be; one clear line, exit code 2.</summary>
/// <param name="message">What was found and what is possible.</param>
internal sealed class UsageException(string message) : Exception(message);
