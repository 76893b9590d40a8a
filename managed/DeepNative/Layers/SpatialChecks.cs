using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>Checks of window geometry when a two-dimensional layer is created.</summary>
internal static class SpatialChecks
{
    /// <summary>Returns the numbers if both are at least <paramref name="least"/>.</summary>
    public static PerAxis AtLeast(PerAxis value, int least, string name)
    {
        if (value.Count is not (0 or 2))
            throw new ArgumentOutOfRangeException(name, value.ToString(), "must be one number or (height, width)");
        if (value[0] < least || value[1] < least)
            throw new ArgumentOutOfRangeException(name, value.ToString(), $"must be at least {least}");
        return value;
    }

    public static PoolGeometry Pooling(PerAxis kernel, PerAxis? stride, PerAxis? padding) =>
        new(AtLeast(kernel, 1, nameof(kernel)))
        {
            Stride = AtLeast(stride ?? kernel, 1, nameof(stride)),
            Padding = AtLeast(padding ?? 0, 0, nameof(padding)),
        };
}
