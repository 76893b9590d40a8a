using System.Globalization;

namespace DeepNative.Cli.Output;

/// <summary>Numbers as people read them.</summary>
internal static class Units
{
    /// <summary>"12.3 MiB".</summary>
    /// <param name="bytes">A number of bytes.</param>
    /// <returns>The text.</returns>
    public static string Bytes(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var value = (double)bytes;
        var unit = 0;
        for (; value >= 1024 && unit < units.Length - 1; unit++) value /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 ? value.ToString("0", CultureInfo.InvariantCulture) : Significant(value))} {units[unit]}");
    }

    /// <summary>"1,234,567".</summary>
    /// <param name="count">A whole number.</param>
    /// <returns>The text.</returns>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>"26,120", and decimals below 100.</summary>
    /// <param name="rate">Samples per second.</param>
    /// <returns>The text.</returns>
    public static string Rate(double rate) => double.IsFinite(rate) ? Significant(rate) : "-";

    /// <summary>"3.21 ms", "12.4 s".</summary>
    /// <param name="seconds">A time.</param>
    /// <returns>The text.</returns>
    public static string Time(double seconds) => seconds switch
    {
        double.NaN => "-",
        < 1e-3 => Significant(seconds * 1e6) + " us",
        < 1 => Significant(seconds * 1e3) + " ms",
        _ => Significant(seconds) + " s",
    };

    /// <summary>"40 s", "12 min", "3.5 h": as exact as an estimate is.</summary>
    /// <param name="seconds">A time, at least 0.</param>
    /// <returns>The text.</returns>
    public static string Left(double seconds) => seconds switch
    {
        < 100 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s"),
        < 5400 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.0} h"),
    };

    private static string Significant(double value) =>
        value.ToString(value >= 100 ? "N0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);
}
