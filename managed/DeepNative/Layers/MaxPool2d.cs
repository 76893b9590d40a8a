using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// The maximum of every window: input (N, C, H, W), output (N, C, P, Q) with
/// P = (H + 2*padding - kernel) / stride + 1, rounded down. The padding counts as minus infinity; NaN wins;
/// of equal values the first passes the gradient on.
/// </summary>
public sealed class MaxPool2d : Layer
{
    private readonly PoolGeometry _geometry;

    /// <summary>Creates the layer.</summary>
    /// <param name="kernel">Size of the window, at least 1.</param>
    /// <param name="stride">Distance between windows, at least 1; null: the window's size.</param>
    /// <param name="padding">Rows and columns added on either side, at least 0; null: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    public MaxPool2d(PerAxis kernel, PerAxis? stride = null, PerAxis? padding = null) =>
        _geometry = SpatialChecks.Pooling(kernel, stride, padding);

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        return Pooling.MaxPool2d(input, _geometry);
    }
}
