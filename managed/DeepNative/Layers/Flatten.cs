namespace DeepNative.Layers;

/// <summary>Joins all axes but the first: (N, C, H, W) becomes (N, C*H*W), row-major.</summary>
public sealed class Flatten : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank < 1) throw Mismatch(input.Shape, "(N, ...)");
        return Operators.Reshape.Flatten(input);
    }

    /// <inheritdoc/>
    private protected override Value Slide(Value input, SlidingWindows windows) => input.Shape.Rank == 4 ? input : Build(input);
}
