namespace DeepNative.Cli.Reports;

/// <summary>How numbers lie along an axis.</summary>
internal enum AxisScale
{
    /// <summary>Equal differences are equally long.</summary>
    Linear,

    /// <summary>Equal factors are equally long; ticks at powers of ten. Numbers up to 0 are not drawn.</summary>
    Logarithmic,

    /// <summary>As <see cref="Logarithmic"/>, with ticks at powers of two: batch sizes.</summary>
    Binary,
}
