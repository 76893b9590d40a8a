using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>The maximum of every channel: (N, C, H, W) becomes (N, C, 1, 1); one to three spatial axes.</summary>
public sealed class GlobalMaxPool : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank is < 3 or > 5) throw Mismatch(input.Shape, "(N, C, spatial...)");
        return Pooling.GlobalMaxPool(input);
    }

    /// <inheritdoc/>
    private protected override Value Slide(Value input, SlidingWindows windows) =>
        input.Shape.Rank == 4 ? windows.Maximum(this, input) : Build(input);
}
