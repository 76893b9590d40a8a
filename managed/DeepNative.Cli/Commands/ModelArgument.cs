using System.CommandLine;
using DeepNative.Models;

namespace DeepNative.Cli.Commands;

/// <summary>The model that a command works on.</summary>
internal static class ModelArgument
{
    private static string Known => Names(ModelRegistry.All);

    private static IEnumerable<ModelEntry> Measurable => ModelRegistry.All.Concat(BenchNets.All);

    /// <summary>The argument.</summary>
    /// <returns>A new one for each command.</returns>
    public static Argument<string> Create() => new("model") { Description = $"One of {Known}" };

    /// <summary>The argument of commands that also take nets without data.</summary>
    /// <returns>A new one for each command.</returns>
    public static Argument<string?> CreateMeasurable() =>
        new("model") { Description = $"One of {Names(Measurable)}", Arity = ArgumentArity.ZeroOrOne };

    /// <summary>Finds a model.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>The model.</returns>
    /// <exception cref="UsageException">There is none; lists the known ones.</exception>
    public static ModelEntry Find(string name) =>
        ModelRegistry.TryGet(name, out var entry) ? entry : throw new UsageException($"unknown model '{name}'; known are {Known}");

    /// <summary>Finds a model, or a net without data.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>The model.</returns>
    /// <exception cref="UsageException">There is none; lists the known ones.</exception>
    public static ModelEntry FindMeasurable(string name) =>
        Measurable.FirstOrDefault(entry => string.Equals(entry.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new UsageException($"unknown model '{name}'; known are {Names(Measurable)}");

    private static string Names(IEnumerable<ModelEntry> entries) => string.Join(", ", entries.Select(entry => entry.Name));
}
