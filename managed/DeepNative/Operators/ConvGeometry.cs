namespace DeepNative.Operators;

/// <summary>How a convolution's window moves. All are per spatial axis.</summary>
public sealed record ConvGeometry
{
    /// <summary>Stride 1, no padding, dense, one group.</summary>
    public static ConvGeometry Default { get; } = new();

    /// <summary>Steps of the window, at least 1.</summary>
    public PerAxis Stride { get; init; } = 1;

    /// <summary>Zeros before the first element, at least 0.</summary>
    public PerAxis PaddingBegin { get; init; } = 0;

    /// <summary>Zeros behind the last element, at least 0.</summary>
    public PerAxis PaddingEnd { get; init; } = 0;

    /// <summary>Sets <see cref="PaddingBegin"/> and <see cref="PaddingEnd"/> to the same.</summary>
    public PerAxis Padding
    {
        init => (PaddingBegin, PaddingEnd) = (value, value);
    }

    /// <summary>Distance between the elements of the window, at least 1, which is dense.</summary>
    public PerAxis Dilation { get; init; } = 1;

    /// <summary>Independent groups of channels; divides the input's and the output's channels.</summary>
    public int Groups { get; init; } = 1;
}
