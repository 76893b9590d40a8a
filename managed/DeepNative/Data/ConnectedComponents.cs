namespace DeepNative.Data;

/// <summary>The connected parts of a set of pixels.</summary>
public static class ConnectedComponents
{
    /// <summary>Numbers the parts in the order of their first pixels.</summary>
    /// <param name="isInside">Which pixels are of the set, row-major.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="diagonal">Whether pixels that touch at a corner only are connected.</param>
    /// <returns>Each pixel's part, from 1; 0 outside the set; and the number of parts.</returns>
    /// <exception cref="ArgumentException">The pixels are not whole rows.</exception>
    public static (int[] Labels, int Count) Label(ReadOnlySpan<bool> isInside, int width, bool diagonal = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (isInside.Length % width != 0) throw new ArgumentException($"{isInside.Length} pixels are not whole rows of {width}.", nameof(isInside));
        var height = isInside.Length / width;
        var labels = new int[isInside.Length];
        var waiting = new Stack<int>();
        var count = 0;
        for (var first = 0; first < labels.Length; first++)
        {
            if (!isInside[first] || labels[first] != 0) continue;
            labels[first] = ++count;
            waiting.Push(first);
            while (waiting.TryPop(out var pixel))
            {
                var (y, x) = (pixel / width, pixel % width);
                for (var dy = -1; dy <= 1; dy++)
                {
                    for (var dx = -1; dx <= 1; dx++)
                    {
                        if (!diagonal && dy != 0 && dx != 0) continue;
                        if (y + dy < 0 || y + dy >= height || x + dx < 0 || x + dx >= width) continue;
                        var neighbour = pixel + dy * width + dx;
                        if (!isInside[neighbour] || labels[neighbour] != 0) continue;
                        labels[neighbour] = count;
                        waiting.Push(neighbour);
                    }
                }
            }
        }

        return (labels, count);
    }
}
