using System.Globalization;

namespace DeepNative.Optimizers;

/// <summary>
/// How the learning rate changes over a run: a factor of the optimiser's own rate, a function of the
/// position and of nothing else, so that a resumed run continues exactly.
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
public abstract class LearningRateSchedule
{
    /// <summary>The optimiser's rate throughout.</summary>
    public static LearningRateSchedule Constant { get; } = new ConstantSchedule();

    /// <summary>Multiplies the rate by <paramref name="factor"/> after every <paramref name="epochs"/> epochs.</summary>
    /// <param name="epochs">Epochs between two changes, at least 1.</param>
    /// <param name="factor">What one change multiplies by, above 0.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static LearningRateSchedule Step(int epochs, double factor = 0.1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(factor);
        return new StepSchedule(epochs, factor);
    }

    /// <summary>Multiplies the rate by <paramref name="factor"/> after every epoch.</summary>
    /// <param name="factor">What one epoch multiplies by, above 0.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The factor is not above 0.</exception>
    public static LearningRateSchedule Exponential(double factor) => Step(1, factor);

    /// <summary>
    /// Falls step by step along half a cosine, from the optimiser's rate to <paramref name="minimum"/>
    /// times it (Loshchilov, Hutter: "SGDR", 2017, without restarts).
    /// </summary>
    /// <param name="minimum">The factor at the end, 0 to 1.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The factor is outside 0 to 1.</exception>
    public static LearningRateSchedule Cosine(double minimum = 0.0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(minimum);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minimum, 1.0);
        return new CosineSchedule(minimum);
    }

    /// <summary>
    /// Rises along half a cosine from 1/<paramref name="startDivisor"/> of the optimiser's rate, which is
    /// the peak, and falls to 1/<paramref name="endDivisor"/> of the start (Smith, Topin:
    /// "Super-convergence", 2018).
    /// </summary>
    /// <param name="rise">The part of the run spent rising, above 0 and below 1.</param>
    /// <param name="startDivisor">Peak / first rate, at least 1.</param>
    /// <param name="endDivisor">First rate / last rate, at least 1.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static LearningRateSchedule OneCycle(double rise = 0.3, double startDivisor = 25.0, double endDivisor = 1e4)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rise);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rise, 1.0);
        ArgumentOutOfRangeException.ThrowIfLessThan(startDivisor, 1.0);
        ArgumentOutOfRangeException.ThrowIfLessThan(endDivisor, 1.0);
        return new OneCycleSchedule(rise, startDivisor, endDivisor);
    }

    /// <summary>
    /// Rises linearly over the first <paramref name="steps"/> steps: step i (from 0) takes
    /// (i + 1) / <paramref name="steps"/> of what <paramref name="then"/> says for it, which also holds
    /// afterwards.
    /// </summary>
    /// <param name="steps">Steps of the rise, at least 1.</param>
    /// <param name="then">The schedule that is scaled; null: constant.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one step.</exception>
    public static LearningRateSchedule Warmup(int steps, LearningRateSchedule? then = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        return new WarmupSchedule(steps, then ?? Constant);
    }

    /// <summary>The factor of the optimiser's learning rate for one step.</summary>
    /// <param name="position">The step, counted from 0, and the length of the run.</param>
    /// <returns>A finite factor, at least 0.</returns>
    public abstract double Factor(SchedulePosition position);

    // 1 at the start of the interval, 0 at its end.
    private static double HalfCosine(double progress) => 0.5 * (1.0 + Math.Cos(Math.PI * Math.Clamp(progress, 0.0, 1.0)));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed class ConstantSchedule : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position) => 1.0;

        public override string ToString() => "constant";
    }

    private sealed class StepSchedule(int epochs, double factor) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position) => Math.Pow(factor, position.Epoch / epochs);

        public override string ToString() => Text($"times {factor} every {epochs} epochs");
    }

    private sealed class CosineSchedule(double minimum) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position) =>
            minimum + (1.0 - minimum) * HalfCosine(position.Progress);

        public override string ToString() => Text($"cosine to {minimum}");
    }

    private sealed class OneCycleSchedule(double rise, double startDivisor, double endDivisor) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position)
        {
            var start = 1.0 / startDivisor;
            var end = start / endDivisor;
            return position.Progress < rise
                ? 1.0 + (start - 1.0) * HalfCosine(position.Progress / rise)
                : end + (1.0 - end) * HalfCosine((position.Progress - rise) / (1.0 - rise));
        }

        public override string ToString() => Text($"one cycle, rise {rise}, divisors {startDivisor} and {endDivisor}");
    }

    private sealed class WarmupSchedule(int steps, LearningRateSchedule then) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position) =>
            then.Factor(position) * Math.Min(1.0, (position.Step + 1.0) / steps);

        public override string ToString() => Text($"warm-up of {steps} steps, then {then}");
    }
}
