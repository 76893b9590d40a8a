namespace DeepNative.Cli.Reports;

/// <summary>One axis of a chart.</summary>
/// <param name="Label">What it shows, with the unit.</param>
/// <param name="Scale">How numbers lie on it.</param>
internal sealed record Axis(string Label, AxisScale Scale = AxisScale.Linear)
{
    /// <summary>Whether a linear axis begins at 0 where no number is negative.</summary>
    public bool FromZero { get; init; }

    /// <summary>Whether only whole numbers have ticks: epochs.</summary>
    public bool Whole { get; init; }

    /// <summary>Whether a number can be drawn.</summary>
    /// <param name="value">The number.</param>
    /// <returns>False for NaN, infinities and, on logarithmic axes, what is not above 0.</returns>
    public bool Shows(double value) => double.IsFinite(value) && (Scale == AxisScale.Linear || value > 0);

    /// <summary>The range and ticks for some numbers.</summary>
    /// <param name="values">The numbers; those that cannot be drawn do not count.</param>
    /// <param name="most">About how many ticks there is room for, at least 2.</param>
    /// <returns>The ticks.</returns>
    public Ticks Fit(IEnumerable<double> values, int most)
    {
        var (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var value in values)
        {
            if (!Shows(value)) continue;
            low = Math.Min(low, value);
            high = Math.Max(high, value);
        }

        if (low > high) (low, high) = Scale == AxisScale.Linear ? (0, 1) : (1, 10);
        return Scale switch
        {
            AxisScale.Linear => Ticks.Linear(FromZero ? Math.Min(low, 0) : low, FromZero ? Math.Max(high, 0) : high, most, Whole),
            AxisScale.Binary => Ticks.Powers(low, high, most, 2),
            _ => Ticks.Powers(low, high, most, 10),
        };
    }
}
