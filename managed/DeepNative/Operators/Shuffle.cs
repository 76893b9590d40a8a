namespace DeepNative.Operators;

/// <summary>Exchanges between channels and positions of (N, C, H, W).</summary>
public static class Shuffle
{
    /// <summary>
    /// Makes positions of channels: y[n, c, h * r + i, w * r + j] = x[n, (c * r + i) * r + j, h, w] (Shi et
    /// al.: "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    /// neural network", 2016).
    /// </summary>
    /// <param name="x">(N, C * r * r, H, W).</param>
    /// <param name="factor">r, 1 or more.</param>
    /// <returns>(N, C, H * r, W * r).</returns>
    /// <exception cref="ShapeException">x has another rank, or its channels are no multiple of r * r.</exception>
    public static Value PixelsFromChannels(Value x, int factor)
    {
        CheckImage("PixelShuffle", x, factor);
        var (n, c, h, w) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
        long r = factor;
        if (c % (r * r) != 0)
            throw x.Graph.Mismatch("PixelShuffle", $"a multiple of {r * r} channels", $"{c} channels", $"input has {c} channels, expected a multiple of {r * r}; input is {x.Shape}");
        c /= r * r;
        return Reshape.To(Transpose.Permute(Reshape.To(x, new Shape(n, c, r, r, h, w)), 0, 1, 4, 2, 5, 3), new Shape(n, c, h * r, w * r));
    }

    /// <summary>The opposite of <see cref="PixelsFromChannels"/>.</summary>
    /// <param name="x">(N, C, H * r, W * r).</param>
    /// <param name="factor">r, 1 or more.</param>
    /// <returns>(N, C * r * r, H, W).</returns>
    /// <exception cref="ShapeException">x has another rank, or its height or width is no multiple of r.</exception>
    public static Value ChannelsFromPixels(Value x, int factor)
    {
        CheckImage("PixelUnshuffle", x, factor);
        var (n, c, h, w) = (x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3]);
        long r = factor;
        if (h % r != 0 || w % r != 0)
            throw x.Graph.Mismatch("PixelUnshuffle", $"multiples of {r}", $"{h} x {w}", $"height and width are {h} and {w}, expected multiples of {r}; input is {x.Shape}");
        (h, w) = (h / r, w / r);
        return Reshape.To(Transpose.Permute(Reshape.To(x, new Shape(n, c, h, r, w, r)), 0, 1, 3, 5, 2, 4), new Shape(n, c * r * r, h, w));
    }

    /// <summary>
    /// Deals the channels of each group to all groups: channel g * (C / groups) + i becomes channel
    /// i * groups + g (Zhang et al.: "ShuffleNet", 2018).
    /// </summary>
    /// <param name="x">(N, C, ...).</param>
    /// <param name="groups">1 or more; divides C.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ShapeException">x has no channels, or their count is no multiple of the groups.</exception>
    public static Value Channels(Value x, int groups)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        if (x.Shape.Rank < 2 || x.Shape[1] % groups != 0)
            throw x.Graph.Mismatch("ChannelShuffle", $"a multiple of {groups} channels", x.Shape.ToString(), $"input is {x.Shape}, expected (N, C, ...) with C a multiple of {groups}");
        var apart = new Shape(x.Shape[0], groups, x.Shape[1] / groups, x.Shape.From(2).Count);
        return Reshape.To(Transpose.Swap(Reshape.To(x, apart), 1, 2), x.Shape);
    }

    private static void CheckImage(string title, Value x, int factor)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 1);
        x.Graph.CheckRank(title, "input", x, 4);
    }
}
