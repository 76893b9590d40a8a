namespace DeepNative.Tests.Operators.Reference;

/// <summary>Row-major positions.</summary>
internal static class Indexing
{
    /// <summary>All index vectors of a shape, in row-major order. The array is the same each time.</summary>
    public static IEnumerable<long[]> All(Shape shape)
    {
        if (shape.Count == 0) yield break;
        var index = new long[shape.Rank];
        while (true)
        {
            yield return index;
            var axis = shape.Rank - 1;
            while (axis >= 0 && ++index[axis] == shape[axis]) index[axis--] = 0;
            if (axis < 0) yield break;
        }
    }

    /// <summary>The row-major position of an index.</summary>
    public static long Flat(Shape shape, ReadOnlySpan<long> index)
    {
        var position = 0L;
        for (var axis = 0; axis < shape.Rank; axis++) position = position * shape[axis] + index[axis];
        return position;
    }

    /// <summary>The position in an input that is broadcast to the shape of the index.</summary>
    public static long Broadcast(Shape input, ReadOnlySpan<long> index)
    {
        var position = 0L;
        var missing = index.Length - input.Rank;
        for (var axis = 0; axis < input.Rank; axis++)
            position = position * input[axis] + (input[axis] == 1 ? 0 : index[axis + missing]);
        return position;
    }
}
