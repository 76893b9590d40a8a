using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// The maximum of every window: input (N, C, H), output (N, C, P) with
/// P = (H + padding - kernel) / stride + 1, rounded down. The padding counts as minus infinity; NaN wins;
/// of equal values the first passes the gradient on.
/// </summary>
public sealed class MaxPool1d : PoolLayer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="kernel">Size of the window, at least 1.</param>
    /// <param name="stride">Distance between windows, at least 1; null: the window's size.</param>
    /// <param name="padding">Added around the input, at least 0 and below the window, or <see cref="Padding.Same"/>; null: 0.</param>
    /// <param name="ceilMode">Rounds P up: a last window may reach over the end, but not begin behind it (GoogLeNet, Caffe).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    public MaxPool1d(int kernel, int? stride = null, Padding? padding = null, bool ceilMode = false)
        : base(1, kernel, stride, padding, ceilMode)
    {
    }

    private protected override Value Pool(Value input, PoolGeometry geometry) => Pooling.Max(input, geometry);
}
