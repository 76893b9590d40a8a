using System.CommandLine;
using DeepNative.Models;

namespace DeepNative.Cli.Commands;

/// <summary>The model that a command works on.</summary>
internal static class ModelArgument
{
    private static string Known => string.Join(", ", ModelRegistry.All.Select(entry => entry.Name));

    /// <summary>The argument.</summary>
    /// <returns>A new one for each command.</returns>
    public static Argument<string> Create() => new("model") { Description = $"One of {Known}" };

    /// <summary>Finds a model.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>The model.</returns>
    /// <exception cref="UsageException">There is none; lists the known ones.</exception>
    public static ModelEntry Find(string name) =>
        ModelRegistry.TryGet(name, out var entry) ? entry : throw new UsageException($"unknown model '{name}'; known are {Known}");
}
