namespace DeepNative.Operators;

/// <summary>Which part of an image <see cref="ImageDecode"/> takes, and how it varies from sample to sample.</summary>
public sealed record ImageWindow
{
    /// <summary>The whole image.</summary>
    public static ImageWindow Whole { get; } = new();

    /// <summary>Rows of the result; 0: as many as the image has.</summary>
    public int Height { get; init; }

    /// <summary>Columns of the result; 0: as many as the image has.</summary>
    public int Width { get; init; }

    /// <summary>Pixels added on each side before the window is cut out.</summary>
    public int Padding { get; init; }

    /// <summary>
    /// Whether the padding mirrors the image at its outermost pixel, which is not repeated; else it is
    /// bytes of 0.
    /// </summary>
    public bool Reflect { get; init; }

    /// <summary>How probably a sample is mirrored left to right; above 0 only with a random state.</summary>
    public float FlipProbability { get; init; }
}
