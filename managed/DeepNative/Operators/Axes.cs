namespace DeepNative.Operators;

/// <summary>Checks of axes, for operators that move data.</summary>
internal static class Axes
{
    /// <summary>The axis counted from 0; below 0 it is counted from the end, -1 being the last.</summary>
    public static int Resolve(string title, Value x, int axis, int rank = -1)
    {
        if (rank < 0) rank = x.Shape.Rank;
        if (axis < -rank || axis >= rank)
        {
            throw x.Graph.Mismatch(
                title, rank == 0 ? "an axis" : $"an axis from {-rank} to {rank - 1}", $"axis {axis}", $"axis {axis} does not exist; input is {x.Shape}");
        }

        return axis < 0 ? axis + rank : axis;
    }

    /// <summary>Checks that there is a number for each axis.</summary>
    public static void CheckCount(string title, Value x, string what, int count)
    {
        if (count != x.Shape.Rank)
        {
            throw x.Graph.Mismatch(
                title, $"{x.Shape.Rank} numbers", $"{count} numbers", $"{what} has {count} numbers, expected one for each axis; input is {x.Shape}");
        }
    }
}
