namespace DeepNative.Data;

/// <summary>
/// The exact Euclidean distance of every pixel to the nearest one of a set (Felzenszwalb, Huttenlocher: "Distance
/// transforms of sampled functions", 2012): along the columns, then the lower envelope of parabolas along the rows. The
/// work is proportional to the number of pixels.
/// </summary>
public static class DistanceTransform
{
    /// <summary>Squared distances in pixels: whole numbers, exact.</summary>
    /// <param name="isInside">Which pixels are of the set, row-major.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <returns>0 at the set's own pixels; infinity everywhere if it is empty.</returns>
    /// <exception cref="ArgumentException">The pixels are not whole rows.</exception>
    public static double[] Squared(ReadOnlySpan<bool> isInside, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (isInside.Length % width != 0) throw new ArgumentException($"{isInside.Length} pixels are not whole rows of {width}.", nameof(isInside));
        var height = isInside.Length / width;
        var distances = new double[isInside.Length];
        AlongColumns(isInside, distances, width, height);
        var row = new double[width];
        var vertices = new int[width];
        var starts = new double[width];
        for (var y = 0; y < height; y++)
        {
            var target = distances.AsSpan(y * width, width);
            target.CopyTo(row);
            Envelope(row, target, vertices, starts);
        }

        return distances;
    }

    // The distance within its column, squared.
    private static void AlongColumns(ReadOnlySpan<bool> isInside, double[] distances, int width, int height)
    {
        for (var x = 0; x < width; x++)
        {
            var nearest = double.PositiveInfinity;
            for (var y = 0; y < height; y++)
            {
                nearest = isInside[y * width + x] ? 0.0 : nearest + 1.0;
                distances[y * width + x] = nearest;
            }

            nearest = double.PositiveInfinity;
            for (var y = height - 1; y >= 0; y--)
            {
                nearest = isInside[y * width + x] ? 0.0 : nearest + 1.0;
                var least = Math.Min(nearest, distances[y * width + x]);
                distances[y * width + x] = least * least;
            }
        }
    }

    // result[x] = min over v of (x - v)^2 + heights[v]: the parabolas that are lowest somewhere, and from where on.
    private static void Envelope(ReadOnlySpan<double> heights, Span<double> result, int[] vertices, double[] starts)
    {
        var count = 0;
        for (var x = 0; x < heights.Length; x++)
        {
            if (double.IsPositiveInfinity(heights[x])) continue;
            var start = double.NegativeInfinity;
            while (count > 0)
            {
                var other = vertices[count - 1];
                start = (heights[x] - heights[other] + (double)x * x - (double)other * other) / (2.0 * (x - other));
                if (start > starts[count - 1]) break;
                count--;
                start = double.NegativeInfinity;
            }

            (vertices[count], starts[count]) = (x, start);
            count++;
        }

        if (count == 0)
        {
            result.Fill(double.PositiveInfinity);
            return;
        }

        var current = 0;
        for (var x = 0; x < result.Length; x++)
        {
            while (current + 1 < count && starts[current + 1] <= x) current++;
            var distance = (double)(x - vertices[current]);
            result[x] = distance * distance + heights[vertices[current]];
        }
    }
}
