namespace DeepNative.Layers;

/// <summary>Repeats their outermost rows and columns of images: input (N, C, H, W), output (N, C, top + H + bottom, left + W + right).</summary>
public sealed class ReplicationPad2d : Layer
{
    private readonly SpatialPadding _padding;

    /// <summary>The same on all sides.</summary>
    /// <param name="padding">Rows and columns to add on each side, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 0.</exception>
    public ReplicationPad2d(int padding)
        : this(padding, padding, padding, padding)
    {
    }

    /// <summary>Each side its own, in PyTorch's order.</summary>
    /// <param name="left">Columns to add before the first, 0 or more.</param>
    /// <param name="right">Columns to add behind the last, 0 or more.</param>
    /// <param name="top">Rows to add above the first, 0 or more.</param>
    /// <param name="bottom">Rows to add below the last, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 0.</exception>
    public ReplicationPad2d(int left, int right, int top, int bottom) => _padding = new SpatialPadding((top, bottom), (left, right));

    /// <inheritdoc/>
    protected override Value Build(Value input) => _padding.Fits(input.Shape) ? _padding.Edge(input) : throw Mismatch(input.Shape, _padding.Expected);
}
