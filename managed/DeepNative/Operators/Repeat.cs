namespace DeepNative.Operators;

/// <summary>Copies of a value side by side.</summary>
/// <remarks>Any data type; integers and float64 go by way of float32. Axes below 0 are counted from the end.</remarks>
public static class Repeat
{
    /// <summary>The whole value several times along an axis: a b becomes a b a b.</summary>
    /// <param name="x">Any shape with that axis, of at most 7 axes.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="times">How often, 0 or more.</param>
    /// <returns>A value whose axis is as many times as long.</returns>
    /// <exception cref="ShapeException">There is no such axis, or no room for one more.</exception>
    public static Value Tile(Value x, int axis, int times) => Along("Tile", x, axis, times, before: true);

    /// <summary>Every element of an axis several times: a b becomes a a b b.</summary>
    /// <param name="x">Any shape with that axis, of at most 7 axes.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="times">How often, 0 or more.</param>
    /// <returns>A value whose axis is as many times as long.</returns>
    /// <exception cref="ShapeException">There is no such axis, or no room for one more.</exception>
    public static Value Elements(Value x, int axis, int times) => Along("Repeat", x, axis, times, before: false);

    private static Value Along(string title, Value x, int axis, int times, bool before)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfNegative(times);
        axis = Axes.Resolve(title, x, axis);
        if (times == 1) return x;
        if (x.Shape.Rank == Shape.MaxRank)
            throw x.Graph.Mismatch(title, $"rank {Shape.MaxRank - 1} or less", $"rank {x.Shape.Rank}", $"input has rank {x.Shape.Rank}, expected {Shape.MaxRank - 1} or less; input is {x.Shape}");
        var apart = Reshape.Unsqueeze(x, before ? axis : axis + 1);
        return Reshape.To(Pointwise.Expand(apart, apart.Shape.With(before ? axis : axis + 1, times)), x.Shape.With(axis, x.Shape[axis] * times));
    }
}
