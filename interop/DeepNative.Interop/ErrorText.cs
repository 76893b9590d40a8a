using System.Globalization;
using System.Text.RegularExpressions;

namespace DeepNative.Interop;

/// <summary>Reads facts out of the engine's error texts.</summary>
internal static partial class ErrorText
{
    /// <summary>The name in <c>operator 'conv2' (...): ...</c>, or null.</summary>
    internal static string? Operator(string message) =>
        OperatorName().Match(message) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>The first two amounts of bytes in the text: what was asked, what is free.</summary>
    internal static (long? Asked, long? Free) Bytes(string message)
    {
        var amounts = Amount().Matches(message);
        return (At(0), At(1));

        long? At(int index) =>
            index < amounts.Count && long.TryParse(amounts[index].Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var bytes)
                ? bytes : null;
    }

    [GeneratedRegex("operator '([^']*)'")]
    private static partial Regex OperatorName();

    [GeneratedRegex(@"\b(\d+) bytes\b")]
    private static partial Regex Amount();
}
