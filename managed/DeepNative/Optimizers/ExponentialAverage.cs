using System.Globalization;

namespace DeepNative.Optimizers;

/// <summary>
/// An exponential moving average of the trained weights over the steps (Polyak, Juditsky 1992, in the form that
/// deep learning uses): average = d * average + (1 - d) * weight after every update, d = Decay. The first update
/// sets the average to the weight, so that nothing has to be corrected for its start, as in PyTorch's AveragedModel.
/// </summary>
/// <remarks>
/// Statistics, such as batch norm's, are not averaged: with the averaged weights the model's own are used. Immutable
/// and thread-safe.
/// </remarks>
public sealed class ExponentialAverage
{
    /// <summary>Creates the rule.</summary>
    /// <param name="decay">What is kept of the average from step to step, at least 0 and below 1.</param>
    /// <param name="warmup">
    /// Whether d after n updates is min(decay, (1 + n) / (10 + n)), so that a long average forgets the first weights.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The decay is outside its range.</exception>
    public ExponentialAverage(float decay = 0.999f, bool warmup = false)
    {
        if (!(decay >= 0f && decay < 1f)) throw new ArgumentOutOfRangeException(nameof(decay), decay, "must be at least 0 and below 1");
        Decay = decay;
        Warmup = warmup;
    }

    /// <summary>What is kept of the average from step to step.</summary>
    public float Decay { get; }

    /// <summary>Whether less is kept at first.</summary>
    public bool Warmup { get; }

    /// <summary>"average decay 0.999".</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"average decay {Decay}{(Warmup ? " warmup" : "")}");
}
