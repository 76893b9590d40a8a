namespace DeepNative.Optimizers;

/// <summary>When and by how much a plateau of the validation metric reduces the rate.</summary>
internal sealed record PlateauRule(double Factor, int Patience, double Threshold, bool IsAbsolute, int Cooldown, double Minimum, bool OfError)
{
    /// <summary>The state after an epoch that ended with this loss and error of the validation set.</summary>
    public PlateauState After(PlateauState state, double loss, double error)
    {
        var metric = OfError ? error : loss;
        var (best, stalled, cooldown, factor) = state;
        var bar = IsAbsolute ? best - Threshold : best - Math.Abs(best) * Threshold;

        // NaN is no improvement.
        (best, stalled) = metric < bar ? (metric, 0) : (best, stalled + 1);
        if (cooldown > 0) (stalled, cooldown) = (0, cooldown - 1);
        if (stalled > Patience) (stalled, cooldown, factor) = (0, Cooldown, Math.Max(factor * Factor, Minimum));
        return new PlateauState(best, stalled, cooldown, factor);
    }
}
