using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>The mean of every channel: (N, C, H, W) becomes (N, C, 1, 1).</summary>
public sealed class GlobalAvgPool : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        return Pooling.GlobalAvgPool(input);
    }
}
