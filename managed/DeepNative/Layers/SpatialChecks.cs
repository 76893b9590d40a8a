using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>Checks of what a layer over spatial axes is created with.</summary>
internal static class SpatialChecks
{
    private static readonly string[] _axes = ["(N, {0}, L)", "(N, {0}, H, W)", "(N, {0}, D, H, W)"];
    private static readonly string[] _numbers = ["one number", "one number or (height, width)", "one number or (depth, height, width)"];

    /// <summary>The expected shape, for errors: "(N, 3, H, W)".</summary>
    public static string Form(int rank, object channels) =>
        string.Format(System.Globalization.CultureInfo.InvariantCulture, _axes[rank - 1], channels);

    /// <summary>Returns the numbers if each is at least <paramref name="least"/>.</summary>
    public static PerAxis AtLeast(int rank, PerAxis value, int least, string name)
    {
        if (value.Count != 0 && value.Count != rank)
            throw new ArgumentOutOfRangeException(name, value.ToString(), $"must be {_numbers[rank - 1]}");
        for (var axis = 0; axis < rank; axis++)
            if (value[axis] < least) throw new ArgumentOutOfRangeException(name, value.ToString(), $"must be at least {least}");
        return value;
    }

    /// <summary>Returns the padding if each number is at least 0.</summary>
    public static Padding NotNegative(int rank, Padding value, string name)
    {
        AtLeast(rank, value.Begin, 0, name);
        AtLeast(rank, value.End, 0, name);
        return value;
    }
}
