using System.Globalization;
using System.Text.RegularExpressions;

namespace DeepNative.Interop;

/// <summary>Reads facts out of the engine's error texts.</summary>
internal static partial class ErrorText
{
    /// <summary>The name in <c>operator 'conv2' (...): ...</c>, or null.</summary>
    internal static string? Operator(string message) =>
        OperatorName().Match(message) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>The first two amounts of memory in the text, in bytes: what was asked, what is free.</summary>
    internal static (long? Asked, long? Free) Bytes(string message)
    {
        var amounts = Amount().Matches(message);
        return (At(0), At(1));

        long? At(int index) =>
            index < amounts.Count && long.TryParse(amounts[index].Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var count) &&
            count <= long.MaxValue / UnitBytes(amounts[index].Groups[2].ValueSpan)
                ? count * UnitBytes(amounts[index].Groups[2].ValueSpan) : null;
    }

    private static long UnitBytes(ReadOnlySpan<char> unit) => unit switch
    {
        "KiB" => 1L << 10,
        "MiB" => 1L << 20,
        "GiB" => 1L << 30,
        _ => 1,
    };

    [GeneratedRegex("operator '([^']*)'")]
    private static partial Regex OperatorName();

    [GeneratedRegex(@"\b(\d+) (bytes|KiB|MiB|GiB)\b")]
    private static partial Regex Amount();
}
