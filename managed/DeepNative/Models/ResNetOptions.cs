namespace DeepNative.Models;

/// <summary>Which residual net.</summary>
public sealed record ResNetOptions
{
    /// <summary>Layers with weights: 18, 34, 50, 101 or 152.</summary>
    public int Depth { get; init; } = 50;

    /// <summary>What passes beside the convolutions.</summary>
    public ResidualShortcut Shortcut { get; init; } = ResidualShortcut.ProjectionWhereNeeded;

    /// <summary>
    /// Where a bottleneck halves the picture: in its 3 x 3 convolution ("v1.5": torchvision's nets, more accurate), or as in
    /// the paper in its first 1 x 1 one.
    /// </summary>
    public bool StrideInWindow { get; init; } = true;

    /// <summary>
    /// Whether the last normalisation of each block begins with a weight of 0, so that the block begins as its shortcut (Goyal
    /// et al.: "Accurate, large minibatch SGD", 2017).
    /// </summary>
    public bool ZeroLastWeight { get; init; }

    /// <summary>
    /// A first convolution of 3 x 3 with stride 1 and no pooling behind it, for pictures such as CIFAR's; they need 8 x 8
    /// pixels and more.
    /// </summary>
    public bool SmallPictures { get; init; }

    /// <summary>Factor of all channels, above 0.</summary>
    public double Width { get; init; } = 1;
}
