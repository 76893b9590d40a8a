using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// The mean of as many parts of the input as the output has elements: input (N, C, H, W), output (N, C, P, Q) of a
/// given size whatever the input's. Parts overlap where the extents do not divide.
/// </summary>
public sealed class AdaptiveAvgPool2d : Layer
{
    private readonly PerAxis _size;

    /// <summary>Creates the layer.</summary>
    /// <param name="size">The output's spatial extents, each at least 1.</param>
    public AdaptiveAvgPool2d(PerAxis size) => _size = size;

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        return Pooling.AdaptiveAverage(input, _size);
    }

    /// <summary>Whether all of a map becomes one number.</summary>
    internal bool IsGlobal => _size[0] == 1 && _size[1] == 1;

    /// <inheritdoc/>
    private protected override Value Slide(Value input, SlidingWindows windows)
    {
        if (IsGlobal) return windows.Average(this, input);
        var extents = windows.ExtentsAt(this);
        if (extents[0] == _size[0] && extents[1] == _size[1]) return input;
        throw Mismatch(input.Shape, $"a net made for pictures that leave {_size[0]} x {_size[1]} here, not {extents[0]} x {extents[1]}: only then can it slide");
    }
}
