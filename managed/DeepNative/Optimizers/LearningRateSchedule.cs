using System.Globalization;

namespace DeepNative.Optimizers;

/// <summary>
/// How the learning rate changes over a run: a factor of the optimiser's own rate, a function of the
/// position and of nothing else, so that a resumed run continues exactly. What <see cref="Plateau"/> has seen
/// is part of the position.
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

    /// <summary>Multiplies the rate by <paramref name="factor"/> when an epoch of the list begins.</summary>
    /// <param name="epochs">Epochs, counted from 0, ascending, each at least 1.</param>
    /// <param name="factor">What one change multiplies by, above 0.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">The epochs do not ascend, or there are none.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The factor is not above 0.</exception>
    public static LearningRateSchedule MultiStep(IReadOnlyList<int> epochs, double factor = 0.1)
    {
        ArgumentNullException.ThrowIfNull(epochs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(factor);
        int[] milestones = [.. epochs];
        if (milestones.Length == 0) throw new ArgumentException("there are no epochs.", nameof(epochs));
        for (var i = 0; i < milestones.Length; i++)
            if (milestones[i] < 1 || (i > 0 && milestones[i] <= milestones[i - 1]))
                throw new ArgumentException($"epochs {string.Join(", ", milestones)} do not ascend from 1.", nameof(epochs));
        return new MultiStepSchedule(milestones, factor);
    }

    /// <summary>
    /// Falls step by step from the optimiser's rate to <paramref name="minimum"/> times it:
    /// minimum + (1 - minimum) * (1 - progress)^power. Power 1 is a straight line.
    /// </summary>
    /// <param name="power">Above 0.</param>
    /// <param name="minimum">The factor at the end, 0 to 1.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static LearningRateSchedule Polynomial(double power = 1.0, double minimum = 0.0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(power);
        CheckMinimum(minimum);
        return new PolynomialSchedule(power, minimum);
    }

    /// <summary>
    /// Falls along half a cosine within a cycle and starts again at the optimiser's rate (Loshchilov, Hutter: "SGDR:
    /// Stochastic gradient descent with warm restarts", 2017).
    /// </summary>
    /// <param name="epochs">Epochs of the first cycle, at least 1.</param>
    /// <param name="multiplier">How much longer each cycle is than the one before, at least 1.</param>
    /// <param name="minimum">The factor at a cycle's end, 0 to 1.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static LearningRateSchedule CosineRestarts(int epochs, int multiplier = 1, double minimum = 0.0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(multiplier, 1);
        CheckMinimum(minimum);
        return new CosineRestartsSchedule(epochs, multiplier, minimum);
    }

    /// <summary>
    /// Multiplies the rate by <paramref name="factor"/> when the validation set has not got better for more than
    /// <paramref name="patience"/> epochs. Better is below best - |best| * threshold, or below best - threshold; NaN
    /// is not. The trainer evaluates at every epoch's end; what was seen is part of its checkpoint.
    /// </summary>
    /// <param name="factor">What one reduction multiplies by, above 0 and below 1.</param>
    /// <param name="patience">Epochs without a better result that are borne, at least 0.</param>
    /// <param name="threshold">What counts as better, at least 0.</param>
    /// <param name="absolute">Whether the threshold is a difference instead of a share.</param>
    /// <param name="cooldown">Epochs after a reduction that do not count, at least 0.</param>
    /// <param name="minimum">The lowest factor, 0 to 1.</param>
    /// <param name="ofError">Whether the fraction of wrong predictions is watched instead of the loss.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static LearningRateSchedule Plateau(
        double factor = 0.1, int patience = 10, double threshold = 1e-4, bool absolute = false, int cooldown = 0, double minimum = 0.0,
        bool ofError = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(factor);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(factor, 1.0);
        ArgumentOutOfRangeException.ThrowIfNegative(patience);
        ArgumentOutOfRangeException.ThrowIfNegative(threshold);
        ArgumentOutOfRangeException.ThrowIfNegative(cooldown);
        CheckMinimum(minimum);
        return new PlateauSchedule(new PlateauRule(factor, patience, threshold, absolute, cooldown, minimum, ofError));
    }

    /// <summary>
    /// Falls step by step along half a cosine, from the optimiser's rate to <paramref name="minimum"/>
    /// times it (Loshchilov, Hutter: "SGDR", 2017, without restarts).
    /// </summary>
    /// <param name="minimum">The factor at the end, 0 to 1.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The factor is outside 0 to 1.</exception>
    public static LearningRateSchedule Cosine(double minimum = 0.0)
    {
        CheckMinimum(minimum);
        return new CosineSchedule(minimum);
    }

    /// <summary>
    /// Rises along half a cosine from 1/<paramref name="startDivisor"/> of the optimiser's rate, which is
    /// the peak, and falls to 1/<paramref name="endDivisor"/> of the start (Smith, Topin:
    /// "Super-convergence", 2018). The end is reached behind the last step; PyTorch's OneCycleLR has its peak and its end
    /// one step earlier.
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
    /// 1 / (1 + <paramref name="decay"/> * epoch): falls after every epoch, slower and slower.
    /// </summary>
    /// <param name="decay">At least 0.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The decay is below 0.</exception>
    public static LearningRateSchedule InverseTime(double decay)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(decay);
        return new InverseTimeSchedule(decay);
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

    /// <summary>What the trainer has to watch; null: nothing.</summary>
    internal virtual PlateauRule? PlateauRule => null;

    private static void CheckMinimum(double minimum)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(minimum);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minimum, 1.0);
    }

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

    private sealed class MultiStepSchedule(int[] epochs, double factor) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position)
        {
            var changes = 0;
            foreach (var epoch in epochs)
                if (position.Epoch >= epoch) changes++;
            return Math.Pow(factor, changes);
        }

        public override string ToString() => Text($"times {factor} at epochs {string.Join(", ", epochs)}");
    }

    private sealed class PolynomialSchedule(double power, double minimum) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position) =>
            minimum + (1.0 - minimum) * Math.Pow(Math.Max(0.0, 1.0 - position.Progress), power);

        public override string ToString() => Text($"polynomial of power {power} to {minimum}");
    }

    private sealed class CosineRestartsSchedule(int epochs, int multiplier, double minimum) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position)
        {
            // In steps: whole numbers, so that no cycle begins late by a rounding.
            var (step, length) = (position.Step, epochs * position.StepsPerEpoch);
            if (multiplier == 1) step %= length;
            for (; step >= length; length *= multiplier) step -= length;
            return minimum + (1.0 - minimum) * HalfCosine((double)step / length);
        }

        public override string ToString() => Text($"cosine to {minimum} with restarts after {epochs} epochs, times {multiplier}");
    }

    private sealed class PlateauSchedule(PlateauRule rule) : LearningRateSchedule
    {
        internal override PlateauRule PlateauRule => rule;

        public override double Factor(SchedulePosition position) => position.PlateauFactor;

        public override string ToString() => Text(
            $"times {rule.Factor} after {rule.Patience} epochs without a better validation {(rule.OfError ? "error" : "loss")}, threshold {rule.Threshold}{(rule.IsAbsolute ? " absolute" : "")}, cooldown {rule.Cooldown}, minimum {rule.Minimum}");
    }

    private sealed class CosineSchedule(double minimum) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position) =>
            minimum + (1.0 - minimum) * HalfCosine(position.Progress);

        public override string ToString() => Text($"cosine to {minimum}");
    }

    private sealed class InverseTimeSchedule(double decay) : LearningRateSchedule
    {
        public override double Factor(SchedulePosition position) => 1.0 / (1.0 + decay * position.Epoch);

        public override string ToString() => Text($"1 / (1 + {decay} * epoch)");
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

        internal override PlateauRule? PlateauRule => then.PlateauRule;

        public override string ToString() => Text($"warm-up of {steps} steps, then {then}");
    }
}
