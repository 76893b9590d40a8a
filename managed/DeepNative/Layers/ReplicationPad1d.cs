namespace DeepNative.Layers;

/// <summary>Repeats their first and last elements of sequences: input (N, C, L), output (N, C, left + L + right).</summary>
public sealed class ReplicationPad1d : Layer
{
    private readonly SpatialPadding _padding;

    /// <summary>The same on both sides.</summary>
    /// <param name="padding">Elements to add on each side, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 0.</exception>
    public ReplicationPad1d(int padding)
        : this(padding, padding)
    {
    }

    /// <summary>Each side its own.</summary>
    /// <param name="left">Elements to add before the first, 0 or more.</param>
    /// <param name="right">Elements to add behind the last, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 0.</exception>
    public ReplicationPad1d(int left, int right) => _padding = new SpatialPadding((left, right));

    /// <inheritdoc/>
    protected override Value Build(Value input) => _padding.Fits(input.Shape) ? _padding.Edge(input) : throw Mismatch(input.Shape, _padding.Expected);
}
