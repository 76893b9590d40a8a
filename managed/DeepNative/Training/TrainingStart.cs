using DeepNative.Data;
using DeepNative.Layers;

namespace DeepNative.Training;

/// <summary>What a call of Fit begins with.</summary>
public sealed record TrainingStart
{
    /// <summary>The model that is trained; observers may read its tensors, and change nothing.</summary>
    public required Layer Model { get; init; }

    /// <summary>The training set.</summary>
    public required IExampleSource Data { get; init; }

    /// <summary>What was asked for.</summary>
    public required FitOptions Options { get; init; }

    /// <summary>Whole epochs of the run that were done before: above 0 where it is resumed.</summary>
    public required int Epoch { get; init; }

    /// <summary>Steps of the run that were done before.</summary>
    public required long Step { get; init; }

    /// <summary>Steps of an epoch.</summary>
    public required int StepsPerEpoch { get; init; }

    /// <summary>The seed of the order of examples and of dropout.</summary>
    public required ulong Seed { get; init; }
}
