namespace DeepNative.Cli.Commands;

/// <summary>A net of a published comparison.</summary>
/// <param name="Label">What the comparison calls it.</param>
/// <param name="Model">The registered model.</param>
/// <param name="Accuracy">Published top-1 accuracy on ImageNet's validation set, one central crop, in percent; null: unknown.</param>
internal sealed record PublishedNet(string Label, string Model, double? Accuracy)
{
    /// <summary>Where the accuracies are from.</summary>
    public const string Source =
        "top-1: ImageNet validation, central crop, as published by szagoruyko/imagenet-validation.torch, which Canziani et al. used; GoogLeNet: BVLC's model card";

    /// <summary>
    /// The nets of Canziani, Culurciello, Paszke: "An analysis of deep neural network models for practical applications",
    /// 2016, that the notes name.
    /// </summary>
    public static IReadOnlyList<PublishedNet> Canziani { get; } =
    [
        new("AlexNet", "alexnet", 54.61),
        new("BN-AlexNet", "bn-alexnet", 56.60),
        new("BN-NIN", "bn-nin", 62.62),
        new("GoogLeNet", "googlenet", 68.7),
        new("Inception-v3", "inception-v3", 78.53),
        new("VGG-16", "vgg-d", 70.62),
        new("VGG-19", "vgg-e", 70.74),
        new("ResNet-18", "resnet18", 69.31),
        new("ResNet-34", "resnet34", 72.94),
        new("ResNet-50", "resnet50", 75.76),
        new("ResNet-101", "resnet101", 77.34),
    ];
}
