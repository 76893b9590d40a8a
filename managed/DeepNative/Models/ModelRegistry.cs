using System.Diagnostics.CodeAnalysis;
using DeepNative.Layers;
using DeepNative.Losses;

namespace DeepNative.Models;

/// <summary>The models that come with the library, by name.</summary>
public static class ModelRegistry
{
    private static readonly ModelEntry[] _entries =
    [
        new("cam-small", CamNet.CreateSmall, new Shape(3, 64, 64), Classes: 3),
        new("cam-vgg", static (input, classes) => CamNet.CreateVgg(input, classes), new Shape(3, 224, 224), Classes: 1000),
        new("deconvnet", static (input, classes) => DeconvNet.Create(input, classes), new Shape(3, 224, 224), Classes: 21),
        new("deconvnet-small", static (input, classes) => DeconvNet.Create(input, classes, width: 8, stages: 3), new Shape(3, 64, 64), Classes: 4),
        new("fcn16s-vgg", static (input, classes) => FcnVgg.Create(input, classes, stride: 16), new Shape(3, 500, 500), Classes: 21),
        new("fcn32s-vgg", static (input, classes) => FcnVgg.Create(input, classes, stride: 32), new Shape(3, 500, 500), Classes: 21),
        new("fcn8s-vgg", static (input, classes) => FcnVgg.Create(input, classes, stride: 8), new Shape(3, 500, 500), Classes: 21),
        new("lenet300", LeNet300.Create, new Shape(1, 28, 28), Classes: 10),
        new("mnistnet", MnistNet.Create, new Shape(1, 28, 28), Classes: 10),
        new("pose-machine", PoseMachine.Create, new Shape(3, 368, 368), Classes: 15) { Loss = static () => new SquaredError() },
        new("pose-machine-small", PoseMachine.CreateSmall, new Shape(3, 64, 64), Classes: 3) { Loss = static () => new SquaredError() },
        new("unet", UNet.Create, new Shape(1, 572, 572), Classes: 2),
        new("unet-padded", static (input, classes) => UNet.CreatePadded(input, classes), new Shape(1, 512, 512), Classes: 2),
        new("unet-small", UNet.CreateSmall, new Shape(1, 256, 256), Classes: 2),
        new("upsample-small", static (input, classes) => DeconvNet.Create(input, classes, width: 8, stages: 3, unpool: false), new Shape(3, 64, 64), Classes: 4),
    ];

    private const string SlidingPrefix = "fcn-";

    /// <summary>All models, by name. Beside them stands "fcn-NAME" for every classifier NAME: it as a window that slides over pictures.</summary>
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
        ArgumentNullException.ThrowIfNull(name);
        entry = Array.Find(_entries, known => string.Equals(known.Name, name, StringComparison.OrdinalIgnoreCase));
        if (entry is null && name.StartsWith(SlidingPrefix, StringComparison.OrdinalIgnoreCase))
        {
            var classifier = Array.Find(_entries, known => name.AsSpan(SlidingPrefix.Length).Equals(known.Name, StringComparison.OrdinalIgnoreCase));
            if (classifier is not null) entry = Sliding(classifier);
        }

        return entry is not null;
    }

    // The window is the classifier's usual one, whatever the pictures' size.
    private static ModelEntry Sliding(ModelEntry classifier) => classifier with
    {
        Name = SlidingPrefix + classifier.Name,
        Factory = (input, classes) =>
        {
            ModelChecks.Picture(SlidingPrefix + classifier.Name, input);
            var window = new Shape(input[0]).Concat(classifier.InputShape.From(1));
            return FullyConvolutional.Of(classifier.Factory(window, classes), window);
        },
    };
}
