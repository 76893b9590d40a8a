using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// The mean of every window: input (N, C, H, W), output (N, C, P, Q) with
/// P = (H + 2*padding - kernel) / stride + 1, rounded down.
/// </summary>
public sealed class AvgPool2d : Layer
{
    private readonly PoolGeometry _geometry;
    private readonly bool _countPadding;

    /// <summary>Creates the layer.</summary>
    /// <param name="kernel">Size of the window, at least 1.</param>
    /// <param name="stride">Distance between windows, at least 1; null: the window's size.</param>
    /// <param name="padding">Rows and columns of zeros added on either side, at least 0; null: 0.</param>
    /// <param name="countPadding">True: divides by the window's size; false: by the elements inside the input.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    public AvgPool2d(PerAxis kernel, PerAxis? stride = null, PerAxis? padding = null, bool countPadding = true)
    {
        _geometry = SpatialChecks.Pooling(kernel, stride, padding);
        _countPadding = countPadding;
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        return Pooling.AvgPool2d(input, _geometry, _countPadding);
    }
}
