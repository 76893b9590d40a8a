using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Undoes a <see cref="MaxPool2d"/> in a decoder (Zeiler, Fergus 2014; SegNet, Badrinarayanan et al. 2015): each
/// element goes back where the pooling's maximum stood, elsewhere the output is 0. Input: the shape of the pooling's
/// output; output: that of its input.
/// </summary>
/// <remarks>
/// The pooling must stand earlier in the same model; where it is used several times, its last use counts:
/// <c>var pool = new MaxPool2d(2); var unpool = new MaxUnpool2d(pool);</c> Elements of overlapping windows that go
/// to one place add up.
/// </remarks>
/// <param name="pool">The pooling that it undoes.</param>
public sealed class MaxUnpool2d(MaxPool2d pool) : Layer
{
    private readonly MaxPool2d _pool = pool ?? throw new ArgumentNullException(nameof(pool));

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var pooled = _pool.TraceIn(input.Graph)
            ?? throw new InvalidOperationException($"layer {this}: its pooling, layer {_pool}, must come before it in the same model.");
        if (input.Shape != pooled.Taps.Shape) throw Mismatch(input.Shape, $"{pooled.Taps.Shape}, the output of layer {_pool}");
        return Pooling.MaxUnpool2d(input, pooled.Taps, pooled.Geometry, pooled.Size);
    }
}
