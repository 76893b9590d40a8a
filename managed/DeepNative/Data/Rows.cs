namespace DeepNative.Data;

internal static class Rows
{
    /// <summary>Copies whole rows of a table: destination row i = source row indices[i].</summary>
    public static void Gather<T>(ReadOnlySpan<T> source, int rowLength, ReadOnlySpan<int> indices, Span<T> destination)
    {
        for (var i = 0; i < indices.Length; i++)
            source.Slice(indices[i] * rowLength, rowLength).CopyTo(destination[(i * rowLength)..]);
    }
}
