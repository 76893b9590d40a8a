using System.Text.Json;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Golden;

/// <summary>Schedules against PyTorch's, over a run of 6 epochs of 5 steps.</summary>
internal sealed class SchedulesGoldenTests
{
    private const int Epochs = 6;
    private const int Steps = 5;
    private const int Total = Epochs * Steps;

    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("schedules");

    private static IEnumerable<GoldenCase> Plain => Cases.Where(golden => !golden.Name.StartsWith("plateau", StringComparison.Ordinal));

    private static IEnumerable<GoldenCase> Plateaus => Cases.Where(golden => golden.Name.StartsWith("plateau", StringComparison.Ordinal));

    [TestCaseSource(nameof(Plain))]
    public void A_factor_is_pytorchs(object argument)
    {
        var golden = (GoldenCase)argument;
        var a = golden.Attributes;
        double Get(string name) => a.GetProperty(name).GetDouble();
        var schedule = golden.Name switch
        {
            "step" => LearningRateSchedule.Step(a.GetProperty("epochs").GetInt32(), Get("factor")),
            "multi-step" => LearningRateSchedule.MultiStep([.. a.GetProperty("epochs").EnumerateArray().Select(e => e.GetInt32())], Get("factor")),
            "exponential" => LearningRateSchedule.Exponential(Get("factor")),
            "inverse-time" => LearningRateSchedule.InverseTime(Get("decay")),
            "polynomial" => LearningRateSchedule.Polynomial(Get("power")),
            "cosine" => LearningRateSchedule.Cosine(Get("minimum")),
            "cosine-restarts" => LearningRateSchedule.CosineRestarts(
                a.GetProperty("epochs").GetInt32(), a.GetProperty("multiplier").GetInt32(), Get("minimum")),
            "warm-up" => LearningRateSchedule.Warmup(a.GetProperty("steps").GetInt32()),

            // Its run is one step longer than ours, and its peak one step earlier.
            "one-cycle" => LearningRateSchedule.OneCycle((Get("rise") * (Total + 1) - 1) / Total, Get("start"), Get("end")),
            var other => throw new InvalidDataException($"no schedule '{other}'."),
        };
        var expected = golden["factors"].Numbers;
        Assert.That(expected, Has.Length.EqualTo(golden.Name == "one-cycle" ? Total + 1 : Total));
        for (var step = 0; step < expected.Length; step++)
            Assert.That(schedule.Factor(new SchedulePosition(step, Steps, Total)), Is.EqualTo(expected[step]).Within(2e-7), $"step {step}");
    }

    [TestCaseSource(nameof(Plateaus))]
    public void A_plateau_is_pytorchs(object argument)
    {
        var golden = (GoldenCase)argument;
        var a = golden.Attributes;
        double Get(string name, double usual) => a.TryGetProperty(name, out var value) ? value.GetDouble() : usual;
        var schedule = LearningRateSchedule.Plateau(
            Get("factor", 0.1), (int)Get("patience", 10), Get("threshold", 1e-4), a.TryGetProperty("threshold_mode", out _),
            (int)Get("cooldown", 0), Get("min_lr", 0));
        var state = PlateauState.Start;
        var (metrics, expected) = (golden["metrics"].Numbers, golden["factors"].Numbers);
        for (var epoch = 0; epoch < metrics.Length; epoch++)
        {
            state = schedule.PlateauRule!.After(state, metrics[epoch], error: double.NaN);
            var position = new SchedulePosition(epoch * Steps, Steps, Total) { PlateauFactor = state.Factor };
            Assert.That(schedule.Factor(position), Is.EqualTo(expected[epoch]).Within(1e-7), $"epoch {epoch}");
        }
    }
}
