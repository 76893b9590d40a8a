using System.Diagnostics.CodeAnalysis;
using DeepNative.Layers;
using DeepNative.Losses;

namespace DeepNative.Models;

/// <summary>The models that come with the library, by name.</summary>
public static class ModelRegistry
{
    private static readonly ModelEntry[] _entries =
    [
        Digits("perceptron", Perceptron.Create) with { Loss = static () => new PerceptronCriterion() },
        Digits("mlp", Mlp.Create),
        Digits("lenet-linear", static (input, classes) => LeNet300.Create(input, classes, hidden: [])),
        Digits("lenet-300-10", static (input, classes) => LeNet300.Create(input, classes, hidden: [300])),
        Digits("lenet300", LeNet300.Create),
        Digits("lenet1", LeNet1.Create),
        Digits("lenet5", LeNet5.Create),
        Digits("lenet5-1998", LeNet5.CreateOriginal) with { Loss = static () => new RbfCrossEntropy() },
        Digits("mnistnet", MnistNet.Create),
        Cifar("cifar-quick", static (input, classes) => CifarQuick.Create(input, classes)),
        Cifar("cifar-quick-relu", static (input, classes) => CifarQuick.Create(input, classes)),
        Cifar("cifar-quick-tanh", static (input, classes) => CifarQuick.Create(input, classes, tanh: true)),
        Cifar("nin-cifar", static (input, classes) => NetworkInNetwork.CreateCifar(input, classes)),
        Cifar("resnet9-cifar", static (input, classes) => ResNet9.Create(input, classes)),
        Cifar("resnet9-slim-cifar", static (input, classes) => ResNet9.Create(input, classes, width: 32)),
        Cifar("resnet18-cifar", static (input, classes) => ResNet.Create(input, classes, new ResNetOptions { Depth = 18, SmallPictures = true })),
        .. CifarDepths("resnet", ResidualShortcut.PaddedIdentity, 20, 32, 44, 56, 110),
        .. CifarDepths("plain", ResidualShortcut.None, 20, 32, 44, 56),
        Cifar("resnet34-cifar", static (input, classes) => ResNet.Create(input, classes, Small34(ResidualShortcut.PaddedIdentity))),
        Cifar("plain34-cifar", static (input, classes) => ResNet.Create(input, classes, Small34(ResidualShortcut.None))),
        ImageNet("alexnet", static (input, classes) => AlexNet.Create(input, classes), size: 227),
        ImageNet("alexnet-grouped", static (input, classes) => AlexNet.Create(input, classes, grouped: true), size: 227),
        ImageNet("bn-alexnet", static (input, classes) => AlexNet.CreateNormalised(input, classes), size: 227),
        ImageNet("vgg-a", static (input, classes) => Vgg.Create(input, classes, VggConfiguration.A)),
        ImageNet("vgg-a-lrn", static (input, classes) => Vgg.Create(input, classes, VggConfiguration.ALrn)),
        ImageNet("vgg-b", static (input, classes) => Vgg.Create(input, classes, VggConfiguration.B)),
        ImageNet("vgg-c", static (input, classes) => Vgg.Create(input, classes, VggConfiguration.C)),
        ImageNet("vgg-d", static (input, classes) => Vgg.Create(input, classes, VggConfiguration.D)),
        ImageNet("vgg-e", static (input, classes) => Vgg.Create(input, classes, VggConfiguration.E)),
        ImageNet("nin", static (input, classes) => NetworkInNetwork.Create(input, classes)),
        ImageNet("bn-nin", static (input, classes) => NetworkInNetwork.Create(input, classes, normalised: true)),
        ImageNet("googlenet", static (input, classes) => GoogLeNet.Create(input, classes)),
        ImageNet("bn-inception", static (input, classes) => BnInception.Create(input, classes)),
        ImageNet("inception-v3", static (input, classes) => InceptionV3.Create(input, classes), size: 299),
        .. Depths("resnet", "", ResidualShortcut.ProjectionWhereNeeded, 18, 34, 50, 101, 152),
        .. Depths("resnet", "-a", ResidualShortcut.PaddedIdentity, 34),
        .. Depths("resnet", "-c", ResidualShortcut.Projection, 34),
        .. Depths("plain", "", ResidualShortcut.None, 18, 34),
        new("cam-small", CamNet.CreateSmall, new Shape(3, 64, 64), Classes: 4),
        new("cam-vgg", static (input, classes) => CamNet.CreateVgg(input, classes), new Shape(3, 224, 224), Classes: 1000),
        new("deconvnet", static (input, classes) => DeconvNet.Create(input, classes), new Shape(3, 224, 224), Classes: 21),
        new("deconvnet-small", static (input, classes) => DeconvNet.Create(input, classes, width: 8, stages: 3), new Shape(3, 64, 64), Classes: 5),
        new("deepmask-small", static (input, classes) => DeepMask.CreateSmall(input, classes), new Shape(3, 64, 64), Classes: 2),
        new("fcn16s-vgg", static (input, classes) => FcnVgg.Create(input, classes, stride: 16), new Shape(3, 500, 500), Classes: 21),
        new("fcn32s-vgg", static (input, classes) => FcnVgg.Create(input, classes, stride: 32), new Shape(3, 500, 500), Classes: 21),
        new("fcn8s-vgg", static (input, classes) => FcnVgg.Create(input, classes, stride: 8), new Shape(3, 500, 500), Classes: 21),
        new("pose-machine", PoseMachine.Create, new Shape(3, 368, 368), Classes: 15) { Loss = static () => new SquaredError() },
        new("pose-machine-small", PoseMachine.CreateSmall, new Shape(3, 64, 64), Classes: 4) { Loss = static () => new SquaredError() },
        new("sharpmask", static (input, classes) => SharpMask.Create(input, classes), new Shape(3, 160, 160), Classes: 2),
        new("sharpmask-small", static (input, classes) => SharpMask.CreateSmall(input, classes), new Shape(3, 64, 64), Classes: 2),
        new("unet", UNet.Create, new Shape(1, 572, 572), Classes: 2),
        new("unet-padded", static (input, classes) => UNet.CreatePadded(input, classes), new Shape(1, 512, 512), Classes: 2),
        new("unet-small", UNet.CreateSmall, new Shape(1, 256, 256), Classes: 2),
        new("upsample-small", static (input, classes) => DeconvNet.Create(input, classes, width: 8, stages: 3, unpool: false), new Shape(3, 64, 64), Classes: 5),
    ];

    private const string SlidingPrefix = "fcn-";

    /// <summary>All models. Beside them stands "fcn-NAME" for every classifier NAME: it as a window that slides over pictures.</summary>
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

    private static ModelEntry Digits(string name, Func<Shape, int, Layer> factory) => new(name, factory, new Shape(1, 28, 28), Classes: 10);

    private static ModelEntry Cifar(string name, Func<Shape, int, Layer> factory) => new(name, factory, new Shape(3, 32, 32), Classes: 10);

    private static ModelEntry ImageNet(string name, Func<Shape, int, Layer> factory, int size = 224) =>
        new(name, factory, new Shape(3, size, size), Classes: 1000);

    private static ModelEntry[] CifarDepths(string prefix, ResidualShortcut shortcut, params int[] depths) => Array.ConvertAll(
        depths, depth => Cifar($"{prefix}{depth}-cifar", (input, classes) => ResNet.CreateCifar(input, classes, depth, shortcut)));

    private static ModelEntry[] Depths(string prefix, string suffix, ResidualShortcut shortcut, params int[] depths) => Array.ConvertAll(
        depths, depth => ImageNet(
            $"{prefix}{depth}{suffix}", (input, classes) => ResNet.Create(input, classes, new ResNetOptions { Depth = depth, Shortcut = shortcut })));

    // The 34 layers of the ImageNet net, a quarter as wide: plain and residual ones have the same parameters.
    private static ResNetOptions Small34(ResidualShortcut shortcut) => new() { Depth = 34, Shortcut = shortcut, SmallPictures = true, Width = 0.25 };
}
