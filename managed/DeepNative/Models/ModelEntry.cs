using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Recipes;

namespace DeepNative.Models;

/// <summary>A model that can be asked for by name.</summary>
/// <param name="Name">Lower case: "mnistnet".</param>
/// <param name="Factory">Makes the layers, without tensors yet, for an input shape and a number of classes.</param>
/// <param name="InputShape">The usual shape of one input, without the batch axis.</param>
/// <param name="Classes">The usual number of classes that it tells apart.</param>
public sealed record ModelEntry(string Name, Func<Shape, int, Layer> Factory, Shape InputShape, int Classes)
{
    /// <summary>What training makes small; softmax cross-entropy unless said otherwise.</summary>
    public Func<Loss> Loss { get; init; } = static () => new SoftmaxCrossEntropy();

    /// <summary>How it is usually trained: the first of <see cref="RecipeBook.For"/>; null where there is no recipe.</summary>
    public Recipe? Recipe => RecipeBook.For(Name) is [var first, ..] ? first : null;

    /// <summary>Makes the layers, without tensors yet.</summary>
    /// <param name="options">Null: as the model's authors had it.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentException">The model cannot be made for such an input or number of classes; the message says why.</exception>
    public Layer Create(ModelOptions? options = null)
    {
        var classes = options?.Classes ?? Classes;
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1, nameof(options));
        return Factory(options?.InputShape ?? InputShape, classes);
    }

    /// <summary>The parameters that depend on the number of classes: the head, and side heads, which transfer learning makes anew.</summary>
    /// <param name="options">Null: as the model's authors had it.</param>
    /// <returns>Their full names, in the order of the model's parameters; none where classes are told apart by fixed codes.</returns>
    /// <exception cref="ArgumentException">The model cannot be made for such data, or for another number of classes.</exception>
    public IReadOnlyList<string> HeadParameters(ModelOptions? options = null)
    {
        options ??= ModelOptions.Default;
        // What one class more changes.
        var more = Create(options with { Classes = (options.Classes ?? Classes) + 1 }).Parameters()
            .ToDictionary(parameter => parameter.Name, parameter => parameter.Shape, StringComparer.Ordinal);
        return [.. Create(options).Parameters()
            .Where(parameter => !more.TryGetValue(parameter.Name, out var shape) || shape != parameter.Shape)
            .Select(parameter => parameter.Name)];
    }
}
