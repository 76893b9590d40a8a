using System.Runtime.CompilerServices;
using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// The maximum of every window: input (N, C, H, W), output (N, C, P, Q) with
/// P = (H + padding - kernel) / stride + 1, rounded down. The padding counts as minus infinity; NaN wins;
/// of equal values the first passes the gradient on.
/// </summary>
public sealed class MaxPool2d : PoolLayer
{
    // What the last trace in each graph left for MaxUnpool2d.
    private readonly ConditionalWeakTable<Graph, Pooled> _traces = [];

    /// <summary>Creates the layer.</summary>
    /// <param name="kernel">Size of the window, at least 1.</param>
    /// <param name="stride">Distance between windows, at least 1; null: the window's size.</param>
    /// <param name="padding">Added around the input, at least 0 and below the window, or <see cref="Padding.Same"/>; null: 0.</param>
    /// <param name="ceilMode">Rounds P up: a last window may reach over the end, but not begin behind it (GoogLeNet, Caffe).</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is outside its range.</exception>
    public MaxPool2d(PerAxis kernel, PerAxis? stride = null, Padding? padding = null, bool ceilMode = false)
        : base(2, kernel, stride, padding, ceilMode)
    {
    }

    /// <summary>What this layer did when it was last traced in a graph; null: it was not.</summary>
    internal Pooled? TraceIn(Graph graph) => _traces.TryGetValue(graph, out var pooled) ? pooled : null;

    private protected override Value Pool(Value input, PoolGeometry geometry)
    {
        var (y, taps) = Pooling.MaxPool2dWithTaps(input, geometry);
        _traces.AddOrUpdate(input.Graph, new Pooled(taps, geometry, input.Shape.From(2)));
        return y;
    }

    /// <summary>One trace: the taps, the window, and the extents of the input.</summary>
    internal sealed record Pooled(Value Taps, PoolGeometry Geometry, Shape Size);
}
