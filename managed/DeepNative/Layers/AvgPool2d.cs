using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// The mean of every window: input (N, C, H, W), output (N, C, P, Q) with
/// P = (H + padding - kernel) / stride + 1, rounded down. The padding consists of zeros.
/// </summary>
public sealed class AvgPool2d : PoolLayer
{
    private readonly bool _countPadding;

    /// <summary>Creates the layer.</summary>
    /// <param name="kernel">Size of the window, at least 1.</param>
    /// <param name="stride">Distance between windows, at least 1; null: the window's size.</param>
    /// <param name="padding">Added around the input, at least 0 and below the window, or <see cref="Padding.Same"/>; null: 0.</param>
    /// <param name="ceilMode">Rounds P up: a last window may reach over the end, but not begin behind it (GoogLeNet, Caffe).</param>
    /// <param name="countPadding">
    /// True: divides by all elements of the window, the padding included, but not what <paramref name="ceilMode"/> adds
    /// behind it; false: by the elements inside the input.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    public AvgPool2d(PerAxis kernel, PerAxis? stride = null, Padding? padding = null, bool countPadding = true, bool ceilMode = false)
        : base(2, kernel, stride, padding, ceilMode) => _countPadding = countPadding;

    private protected override Value Pool(Value input, PoolGeometry geometry) => Pooling.Average(input, geometry, _countPadding);
}
