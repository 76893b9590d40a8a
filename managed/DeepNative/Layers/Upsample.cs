using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>How <see cref="Upsample"/> finds an output between elements of the input.</summary>
public enum UpsampleMode
{
    /// <summary>The element at floor(p * H / P).</summary>
    Nearest,

    /// <summary>Linear along each spatial axis: bilinear over two, trilinear over three.</summary>
    Linear,
}

/// <summary>
/// Larger (or smaller) images: input (N, C, spatial...) with one to three spatial axes, output (N, C, size...), with a
/// given size or the input's times a factor, rounded down.
/// </summary>
public sealed class Upsample : Layer
{
    private readonly PerAxis? _size;
    private readonly double _scaleFactor;
    private readonly UpsampleMode _mode;
    private readonly bool _alignCorners;

    /// <summary>By a factor; <see cref="ToSize"/> makes the layer for a given size.</summary>
    /// <param name="scaleFactor">Above 0; every extent becomes floor(extent * factor), and places follow from the extents.</param>
    /// <param name="mode">Nearest or linear.</param>
    /// <param name="alignCorners">Linear: whether the outermost elements of input and output lie on each other.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is not above 0, or there is no such mode.</exception>
    public Upsample(double scaleFactor, UpsampleMode mode = UpsampleMode.Nearest, bool alignCorners = false)
        : this(null, mode, alignCorners)
    {
        if (!(scaleFactor > 0) || !double.IsFinite(scaleFactor)) throw new ArgumentOutOfRangeException(nameof(scaleFactor), scaleFactor, "expected a factor above 0.");
        _scaleFactor = scaleFactor;
    }

    private Upsample(PerAxis? size, UpsampleMode mode, bool alignCorners)
    {
        if (!Enum.IsDefined(mode)) throw new ArgumentOutOfRangeException(nameof(mode), mode, "expected Nearest or Linear.");
        _size = size;
        _mode = mode;
        _alignCorners = alignCorners && mode == UpsampleMode.Linear;
    }

    /// <summary>To a given size.</summary>
    /// <param name="size">The new spatial extents, each at least 1.</param>
    /// <param name="mode">Nearest or linear.</param>
    /// <param name="alignCorners">Linear: whether the outermost elements of input and output lie on each other.</param>
    /// <returns>The layer.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode.</exception>
    public static Upsample ToSize(PerAxis size, UpsampleMode mode = UpsampleMode.Nearest, bool alignCorners = false) => new(size, mode, alignCorners);

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank is < 3 or > 5) throw Mismatch(input.Shape, "(N, C, spatial...) with one to three spatial axes");
        var size = _size is { } given ? Resize.SizeOf(input, given) : Resize.Scaled(input, _scaleFactor);
        return Resize.Apply(_mode == UpsampleMode.Nearest ? ResizeMode.Nearest : ResizeMode.Linear, input, size, _alignCorners);
    }
}
