using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DeepNative.Cli.Output;

/// <summary>
/// What --json writes: the same flat keys for every command, in snake_case; what a command does not
/// measure is null.
/// </summary>
internal sealed record Measurement
{
    /// <summary>The version of the tool and, after a plus, the commit that it was built from.</summary>
    public static string BuildVersion { get; } =
        typeof(Measurement).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>The command: "train".</summary>
    public required string Command { get; init; }

    /// <summary>The model's name.</summary>
    public string? Model { get; init; }

    /// <summary>The device's name: "cpu".</summary>
    public string? Device { get; init; }

    /// <summary>What is computed in: "f32".</summary>
    public string? Precision { get; init; }

    /// <summary>Samples in a step.</summary>
    public int? Batch { get; init; }

    /// <summary>Steps done by this command.</summary>
    public long? Steps { get; init; }

    /// <summary>Whole passes over the training set, those before a resumption included.</summary>
    public int? Epochs { get; init; }

    /// <summary>The time of the measured work.</summary>
    public double? Seconds { get; init; }

    /// <summary>Samples per second in steady state.</summary>
    public double? ImagesPerSecond { get; init; }

    /// <summary>Mean loss of the last epoch.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>The fraction of wrong predictions on the test set.</summary>
    public double? TestError { get; init; }

    /// <summary>The fraction of the test set whose class is not among the five likeliest.</summary>
    public double? TestTop5Error { get; init; }

    /// <summary>The mean intersection over union on the test set, of maps of classes.</summary>
    public double? TestMeanIou { get; init; }

    /// <summary>The most device memory in use at a time.</summary>
    public long? PeakBytes { get; init; }

    /// <summary>From the start of the work until the first step was done, compilation included.</summary>
    public double? FirstStepSeconds { get; init; }

    /// <summary>The seed of all random numbers.</summary>
    public ulong? Seed { get; init; }

    /// <summary>The part of the time, 0 to 1, that steps waited for their data.</summary>
    public double? DataWait { get; init; }

    /// <summary>The version of the tool.</summary>
    public string Version { get; init; } = BuildVersion.Split('+')[0];

    /// <summary>The JSON text.</summary>
    /// <returns>One object, indented; numbers that are not finite became null before (<see cref="Finite"/>).</returns>
    public override string ToString() => JsonSerializer.Serialize(this, MeasurementJson.Default.Measurement);

    /// <summary>JSON knows no NaN and no infinity.</summary>
    /// <param name="value">A number.</param>
    /// <returns>The number, or null when it is not finite.</returns>
    public static double? Finite(double value) => double.IsFinite(value) ? value : null;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(Measurement))]
internal sealed partial class MeasurementJson : JsonSerializerContext;
