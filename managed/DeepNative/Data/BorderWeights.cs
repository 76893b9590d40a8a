namespace DeepNative.Data;

/// <summary>
/// U-Net's weights of pixels (Ronneberger, Fischer, Brox 2015):
/// w(x) = w_c(x) + w_0 * exp(-(d_1(x) + d_2(x))^2 / (2 * sigma^2)), where w_c balances the classes and d_1, d_2 are the
/// distances of a background pixel to the nearest and the second nearest cell. The narrow gaps between cells weigh
/// most, so that training learns to part cells that touch.
/// </summary>
public sealed record BorderWeights
{
    // Beyond it exp(-d^2 / (2 sigma^2)) is below 1e-11, which no float32 weight shows.
    private const double Reach = 7.2;

    /// <summary>w_0, at least 0: what a border adds at most.</summary>
    public double Strength
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "must be at least 0");
    } = 10.0;

    /// <summary>sigma in pixels, above 0.</summary>
    public double Deviation
    {
        get;
        init => field = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "must be above 0");
    } = 5.0;

    /// <summary>The weights of a mask's pixels.</summary>
    /// <param name="mask">The class of each pixel, row-major.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="cellClass">The class whose connected parts are the cells; pixels of all others are background.</param>
    /// <param name="classWeights">w_c, a number for each class; empty: 1.</param>
    /// <returns>One weight a pixel.</returns>
    /// <exception cref="ArgumentException">The pixels are not whole rows, or a class has no weight.</exception>
    public float[] Map(ReadOnlySpan<int> mask, int width, int cellClass = 1, ReadOnlySpan<float> classWeights = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var isCell = new bool[mask.Length];
        var weights = new float[mask.Length];
        for (var i = 0; i < mask.Length; i++)
        {
            if (mask[i] < 0 || (!classWeights.IsEmpty && mask[i] >= classWeights.Length))
                throw new ArgumentException($"pixel {i} has class {mask[i]}; there are weights for {classWeights.Length} classes.", nameof(mask));
            isCell[i] = mask[i] == cellClass;
            weights[i] = classWeights.IsEmpty ? 1f : classWeights[mask[i]];
        }

        var (nearest, second) = TwoNearest(isCell, width);
        for (var i = 0; i < weights.Length; i++)
        {
            if (isCell[i]) continue;
            var sum = Math.Sqrt(nearest[i]) + Math.Sqrt(second[i]);
            weights[i] += (float)(Strength * Math.Exp(-sum * sum / (2.0 * Deviation * Deviation)));
        }

        return weights;
    }

    /// <summary>w_c that make every class weigh the same in sum: pixels / (classes * pixels of the class); 0 for a class without a pixel.</summary>
    /// <param name="mask">The class of each pixel, of one mask or many.</param>
    /// <param name="classes">Their number, at least 1.</param>
    /// <returns>A weight for each class.</returns>
    /// <exception cref="ArgumentException">A pixel is of no such class.</exception>
    public static float[] Balanced(ReadOnlySpan<int> mask, int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        var counts = new long[classes];
        foreach (var label in mask)
        {
            if ((uint)label >= (uint)classes) throw new ArgumentException($"a pixel has class {label}, expected 0 to {classes - 1}.", nameof(mask));
            counts[label]++;
        }

        return Array.ConvertAll(counts, count => count == 0 ? 0f : (float)(counts.Sum() / ((double)classes * count)));
    }

    // Squared distances to the two nearest cells. A cell changes the map only near itself, so each is looked at in its
    // surroundings alone; what lies farther keeps infinity, where the exponential is 0.
    private (double[] Nearest, double[] Second) TwoNearest(bool[] isCell, int width)
    {
        var (labels, count) = ConnectedComponents.Label(isCell, width);
        var height = labels.Length / width;
        var nearest = new double[labels.Length];
        var second = new double[labels.Length];
        nearest.AsSpan().Fill(double.PositiveInfinity);
        second.AsSpan().Fill(double.PositiveInfinity);
        var reach = (int)Math.Ceiling(Reach * Deviation);
        var boxes = Boxes(labels, count, width);
        for (var cell = 1; cell <= count; cell++)
        {
            var (left, top, right, bottom) = boxes[cell];
            (left, top) = (Math.Max(left - reach, 0), Math.Max(top - reach, 0));
            (right, bottom) = (Math.Min(right + reach, width - 1), Math.Min(bottom + reach, height - 1));
            var columns = right - left + 1;
            var part = new bool[columns * (bottom - top + 1)];
            for (var i = 0; i < part.Length; i++) part[i] = labels[(top + i / columns) * width + left + i % columns] == cell;
            var distances = DistanceTransform.Squared(part, columns);
            for (var i = 0; i < part.Length; i++)
            {
                var pixel = (top + i / columns) * width + left + i % columns;
                if (distances[i] < nearest[pixel]) (nearest[pixel], second[pixel]) = (distances[i], nearest[pixel]);
                else if (distances[i] < second[pixel]) second[pixel] = distances[i];
            }
        }

        return (nearest, second);
    }

    private static (int Left, int Top, int Right, int Bottom)[] Boxes(int[] labels, int count, int width)
    {
        var boxes = new (int Left, int Top, int Right, int Bottom)[count + 1];
        boxes.AsSpan().Fill((int.MaxValue, int.MaxValue, -1, -1));
        for (var i = 0; i < labels.Length; i++)
        {
            var (x, y) = (i % width, i / width);
            ref var box = ref boxes[labels[i]];
            box = (Math.Min(box.Left, x), Math.Min(box.Top, y), Math.Max(box.Right, x), Math.Max(box.Bottom, y));
        }

        return boxes;
    }
}
