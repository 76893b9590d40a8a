using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>What the poolings share: how the window moves.</summary>
public abstract class PoolLayer : Layer
{
    private readonly int _rank;
    private readonly PoolGeometry _geometry;
    private readonly Padding _padding;

    private protected PoolLayer(int rank, PerAxis kernel, PerAxis? stride, Padding? padding, bool ceilMode)
    {
        _rank = rank;
        _padding = SpatialChecks.NotNegative(rank, padding ?? 0, nameof(padding));
        _geometry = new PoolGeometry(SpatialChecks.AtLeast(rank, kernel, 1, nameof(kernel)))
        {
            Stride = SpatialChecks.AtLeast(rank, stride ?? kernel, 1, nameof(stride)),
            CeilMode = ceilMode,
        };
    }

    // Of an input whose rank is right.
    private protected PoolGeometry GeometryFor(Shape input)
    {
        var (begin, end) = _padding.For(input, _geometry.Stride, axis => _geometry.Kernel[axis]);
        return _geometry with { PaddingBegin = begin, PaddingEnd = end };
    }

    private protected abstract Value Pool(Value input, PoolGeometry geometry);

    /// <inheritdoc/>
    protected sealed override Value Build(Value input)
    {
        if (input.Shape.Rank != _rank + 2) throw Mismatch(input.Shape, SpatialChecks.Form(_rank, "C"));
        return Pool(input, GeometryFor(input.Shape));
    }
}
