namespace DeepNative.Layers;

/// <summary>How first values of a given variance are spread.</summary>
public enum InitializerDistribution
{
    /// <summary>Evenly between two bounds.</summary>
    Uniform,

    /// <summary>Normal.</summary>
    Normal,

    /// <summary>Normal without what lies beyond two standard deviations, widened to keep the variance.</summary>
    TruncatedNormal,
}
