using DeepNative.Optimizers;

namespace DeepNative.Tests.Training;

internal sealed class ScheduleTests
{
    // 10 epochs of 100 steps.
    private static double At(LearningRateSchedule schedule, long step) => schedule.Factor(new SchedulePosition(step, 100, 1000));

    [Test]
    public void Constant_is_one() => Assert.That(At(LearningRateSchedule.Constant, 777), Is.EqualTo(1.0));

    [TestCase(0, 1.0)]
    [TestCase(299, 1.0)]
    [TestCase(300, 0.1)]
    [TestCase(599, 0.1)]
    [TestCase(600, 0.01)]
    public void Step_falls_every_few_epochs(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.Step(3), step), Is.EqualTo(factor).Within(1e-12));

    [TestCase(99, 1.0)]
    [TestCase(100, 0.9)]
    [TestCase(250, 0.81)]
    public void Exponential_falls_every_epoch(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.Exponential(0.9), step), Is.EqualTo(factor).Within(1e-12));

    [TestCase(0, 1.0)]
    [TestCase(250, 0.1 + 0.9 * 0.5 * (1 + 0.70710678118654752))]
    [TestCase(500, 0.55)]
    [TestCase(1000, 0.1)]
    public void Cosine_falls_to_its_minimum(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.Cosine(0.1), step), Is.EqualTo(factor).Within(1e-12));

    [TestCase(0, 0.04)]
    [TestCase(150, 0.52)]
    [TestCase(300, 1.0)]
    [TestCase(1000, 0.04 / 1e4)]
    public void One_cycle_rises_and_falls(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.OneCycle(), step), Is.EqualTo(factor).Within(1e-12));

    [TestCase(0, 0.1)]
    [TestCase(4, 0.5)]
    [TestCase(9, 1.0)]
    [TestCase(99, 1.0)]
    [TestCase(100, 0.5)]
    public void Warmup_scales_the_schedule_behind(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.Warmup(10, LearningRateSchedule.Exponential(0.5)), step), Is.EqualTo(factor).Within(1e-12));

    [TestCase(0, 1.0)]
    [TestCase(199, 1.0)]
    [TestCase(200, 0.5)]
    [TestCase(700, 0.25)]
    public void Multi_step_falls_at_its_epochs(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.MultiStep([2, 7], 0.5), step), Is.EqualTo(factor).Within(1e-12));

    [TestCase(0, 1.0)]
    [TestCase(500, 0.2 + 0.8 * 0.125)]
    [TestCase(1000, 0.2)]
    [TestCase(1100, 0.2)]
    public void Polynomial_falls_to_its_minimum(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.Polynomial(3, 0.2), step), Is.EqualTo(factor).Within(1e-12));

    [TestCase(0, 1.0)]
    [TestCase(100, 0.5)]
    [TestCase(199, 0.000061684246)]
    [TestCase(200, 1.0)]
    [TestCase(400, 0.5)]
    [TestCase(600, 1.0)]
    public void Cosine_restarts_begin_anew(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.CosineRestarts(2, 2), step), Is.EqualTo(factor).Within(1e-9));

    [TestCase(99, 1.0)]
    [TestCase(100, 1 / 1.5)]
    [TestCase(250, 0.5)]
    public void Inverse_time_falls_slower_and_slower(long step, double factor) =>
        Assert.That(At(LearningRateSchedule.InverseTime(0.5), step), Is.EqualTo(factor).Within(1e-12));

    [Test]
    public void A_plateau_counts_what_is_no_number_as_no_improvement()
    {
        var rule = LearningRateSchedule.Plateau(0.1, patience: 1, ofError: true).PlateauRule!;
        var state = PlateauState.Start;
        foreach (var error in (double[])[0.5, double.NaN, double.NaN, 0.5])
            state = rule.After(state, loss: 0, error);
        Assert.That(state, Is.EqualTo(new PlateauState(0.5, 1, 0, 0.1)));
    }

    [Test]
    public void Wrong_numbers_are_refused()
    {
        Assert.Throws<ArgumentException>(() => LearningRateSchedule.MultiStep([3, 2]));
        Assert.Throws<ArgumentException>(() => LearningRateSchedule.MultiStep([]));
        Assert.Throws<ArgumentException>(() => LearningRateSchedule.MultiStep([0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Polynomial(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.CosineRestarts(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.CosineRestarts(1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.InverseTime(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Plateau(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Plateau(patience: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Plateau(minimum: 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Step(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Exponential(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Cosine(2));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.OneCycle(rise: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.Warmup(0));
    }
}
