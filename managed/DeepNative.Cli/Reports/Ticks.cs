using System.Globalization;

namespace DeepNative.Cli.Reports;

/// <summary>The range of an axis and its round numbers.</summary>
internal sealed class Ticks
{
    private const double LargestPlain = 1e6;
    private const double SmallestPlain = 1e-4;
    private const double SmallestRange = 1e-290;
    private readonly bool _logarithmic;

    private Ticks(double low, double high, bool logarithmic, IReadOnlyList<double> values, IReadOnlyList<string> labels)
    {
        Low = low;
        High = high;
        _logarithmic = logarithmic;
        Values = values;
        Labels = labels;
    }

    /// <summary>Where the axis begins.</summary>
    public double Low { get; }

    /// <summary>Where it ends, above <see cref="Low"/>.</summary>
    public double High { get; }

    /// <summary>The numbers with a tick, rising, inside the range.</summary>
    public IReadOnlyList<double> Values { get; }

    /// <summary>Their texts; empty for ticks without one.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Where a number lies.</summary>
    /// <param name="value">A number that the axis shows.</param>
    /// <returns>0 at the beginning, 1 at the end.</returns>
    public double Position(double value) => _logarithmic
        ? Math.Log(value / Low) / Math.Log(High / Low)
        : (value - Low) / (High - Low);

    /// <summary>Ticks whose distance is 1, 2 or 5 times a power of ten; the range ends on ticks.</summary>
    /// <param name="low">The smallest number.</param>
    /// <param name="high">The largest, not below it.</param>
    /// <param name="most">About how many ticks.</param>
    /// <param name="whole">Whether only whole numbers have ticks.</param>
    /// <returns>The ticks.</returns>
    public static Ticks Linear(double low, double high, int most, bool whole)
    {
        // One number alone, or numbers that differ in their last bits only, get some room.
        if (!(high - low > Math.Max(SmallestRange, 1e-9 * Math.Max(Math.Abs(low), Math.Abs(high)))))
        {
            var room = Math.Abs(high) < SmallestRange ? 1 : Math.Abs(high) * 0.1;
            if (whole) room = Math.Max(1, Math.Ceiling(room));
            (low, high) = low >= 0 ? (Math.Max(0, low - room), high + room) : (low - room, high + room);
        }

        // Halves first: the difference of two huge numbers may not be finite.
        var step = RoundStep((high / most) - (low / most));
        if (whole) step = Math.Max(1, Math.Ceiling(step));
        var (first, last) = (Math.Floor(low / step + 1e-9), Math.Ceiling(high / step - 1e-9));
        var values = new List<double>();
        for (var i = first; i <= last; i++) values.Add(i * step);
        return new Ticks(values[0], values[^1], logarithmic: false, values, [.. values.Select(value => Label(value, step))]);
    }

    /// <summary>Ticks at powers of a base; between those of ten, 2 and 5 times them where there is room.</summary>
    /// <param name="low">The smallest number, above 0.</param>
    /// <param name="high">The largest, not below it.</param>
    /// <param name="most">About how many ticks.</param>
    /// <param name="radix">The base.</param>
    /// <returns>The ticks.</returns>
    public static Ticks Powers(double low, double high, int most, int radix)
    {
        var (first, last) = ((int)Math.Floor(Math.Log(low, radix) + 1e-9), (int)Math.Ceiling(Math.Log(high, radix) - 1e-9));
        if (first == last) last++;
        var every = (last - first + most - 1) / most;
        int[] factors = radix == 10 && 3 * (last - first) <= most + 3 ? [1, 2, 5] : [1];
        var values = new List<double>();
        var labels = new List<string>();
        for (var power = first; power <= last; power++)
        {
            foreach (var factor in factors)
            {
                var value = factor * Math.Pow(radix, power);
                if (!double.IsFinite(value) || value <= 0 || (power == last && factor > 1)) continue;
                values.Add(value);
                labels.Add((power - first) % every == 0 ? Label(value, value) : "");
            }
        }

        // Between two decades the range may end at 2 or 5 times one.
        while (values.Count > 2 && factors.Length > 1 && values[1] <= low) RemoveAt(0);
        while (values.Count > 2 && factors.Length > 1 && values[^2] >= high) RemoveAt(values.Count - 1);
        return new Ticks(values[0], values[^1], logarithmic: true, values, labels);

        void RemoveAt(int index)
        {
            values.RemoveAt(index);
            labels.RemoveAt(index);
        }
    }

    /// <summary>A number on an axis, as short as the distance of the ticks allows.</summary>
    /// <param name="value">The number.</param>
    /// <param name="step">The distance to the next tick, above 0.</param>
    /// <returns>"0.25", "20k", "3e-5".</returns>
    public static string Label(double value, double step)
    {
        if (Math.Abs(value) < step * 1e-6) return "0";
        var size = Math.Max(Math.Abs(value), step);
        if (size >= LargestPlain * 1e6 || step < SmallestPlain) return Scientific(value, step);
        return size switch
        {
            >= 1e9 => Fixed(value / 1e9, step / 1e9) + "G",
            >= LargestPlain => Fixed(value / 1e6, step / 1e6) + "M",
            >= 1e4 => Fixed(value / 1e3, step / 1e3) + "k",
            _ => Fixed(value, step),
        };
    }

    private static double RoundStep(double step)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(step)));
        var factor = step / power;
        return power * (factor <= 1.000001 ? 1 : factor <= 2.000001 ? 2 : factor <= 5.000001 ? 5 : 10);
    }

    private static string Fixed(double value, double step)
    {
        var decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(step) - 1e-6), 0, 12);
        var text = value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return text.Contains('.', StringComparison.Ordinal) ? text.TrimEnd('0').TrimEnd('.') : text;
    }

    private static string Scientific(double value, double step)
    {
        var digits = Math.Clamp((int)Math.Ceiling(Math.Log10(Math.Abs(value) / step) - 1e-6), 0, 6);
        var parts = value.ToString("E" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture).Split('E');
        var mantissa = parts[0].Contains('.', StringComparison.Ordinal) ? parts[0].TrimEnd('0').TrimEnd('.') : parts[0];
        return $"{mantissa}e{int.Parse(parts[1], CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture)}";
    }
}
