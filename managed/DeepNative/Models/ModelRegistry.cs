using System.Diagnostics.CodeAnalysis;

namespace DeepNative.Models;

/// <summary>The models that come with the library, by name.</summary>
public static class ModelRegistry
{
    private static readonly ModelEntry[] _entries =
    [
        new("lenet300", LeNet300.Create, new Shape(1, 28, 28), Classes: 10),
        new("mnistnet", MnistNet.Create, new Shape(1, 28, 28), Classes: 10),
        new("unet", UNet.Create, new Shape(1, 572, 572), Classes: 2),
        new("unet-padded", static (input, classes) => UNet.CreatePadded(input, classes), new Shape(1, 512, 512), Classes: 2),
        new("unet-small", UNet.CreateSmall, new Shape(1, 256, 256), Classes: 2),
    ];

    /// <summary>All models, by name.</summary>
    public static IReadOnlyList<ModelEntry> All => _entries;

    /// <summary>Finds a model.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentException">There is no such model; the message lists those there are.</exception>
    public static ModelEntry Get(string name) =>
        TryGet(name, out var entry)
            ? entry
            : throw new ArgumentException(
                $"there is no model '{name}'; known are {string.Join(", ", Array.ConvertAll(_entries, known => known.Name))}.", nameof(name));

    /// <summary>Finds a model, saying by its result whether there is one.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <param name="entry">The model, or null.</param>
    /// <returns>Whether there is one.</returns>
    public static bool TryGet(string name, [NotNullWhen(true)] out ModelEntry? entry)
    {
        entry = Array.Find(_entries, known => string.Equals(known.Name, name, StringComparison.OrdinalIgnoreCase));
        return entry is not null;
    }
}
