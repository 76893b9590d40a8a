namespace DeepNative.Operators;

/// <summary>How a pooling window moves. All are per spatial axis.</summary>
public sealed record PoolGeometry
{
    /// <summary>A window that moves by its own size, without padding.</summary>
    /// <param name="kernel">Extent of the window, at least 1.</param>
    public PoolGeometry(PerAxis kernel)
    {
        Kernel = kernel;
        Stride = kernel;
    }

    /// <summary>Extent of the window, at least 1.</summary>
    public PerAxis Kernel { get; init; }

    /// <summary>Steps of the window, at least 1.</summary>
    public PerAxis Stride { get; init; }

    /// <summary>Positions before the first element, at least 0.</summary>
    public PerAxis PaddingBegin { get; init; } = 0;

    /// <summary>Positions behind the last element, at least 0.</summary>
    public PerAxis PaddingEnd { get; init; } = 0;

    /// <summary>Sets <see cref="PaddingBegin"/> and <see cref="PaddingEnd"/> to the same.</summary>
    public PerAxis Padding
    {
        init => (PaddingBegin, PaddingEnd) = (value, value);
    }

    /// <summary>
    /// Rounds the number of windows up: a last one may reach over the end, but none begins behind the last element
    /// and the padding at the beginning. Averages never count what lies behind the padding.
    /// </summary>
    public bool CeilMode { get; init; }
}
