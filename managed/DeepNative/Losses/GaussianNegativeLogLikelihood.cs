using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// Minus the logarithm of a normal distribution's density at the target: (ln variance + (mean - target)^2 /
/// variance) / 2 of every element, with a mean and a variance from the model (Nix, Weigend 1994).
/// </summary>
/// <param name="full">Whether ln(2 pi) / 2 is added.</param>
/// <param name="epsilon">The least variance, above 0.</param>
/// <param name="reduction">How the batch's loss follows from its elements'.</param>
public sealed class GaussianNegativeLogLikelihood(bool full = false, float epsilon = 1e-6f, Reduction reduction = Reduction.Mean)
{
    /// <summary>Adds the loss to a graph.</summary>
    /// <param name="mean">The predicted mean, any shape.</param>
    /// <param name="variance">The predicted variance, of the same shape; below epsilon it counts as epsilon.</param>
    /// <param name="target">What was observed, of the same shape.</param>
    /// <returns>A float32 value of shape ().</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public Value Forward(Value mean, Value variance, Value target)
    {
        ArgumentNullException.ThrowIfNull(mean);
        LossChecks.Check(this, nameof(variance), variance, mean.Shape);
        LossChecks.Check(this, nameof(target), target, mean.Shape);
        var positive = Pointwise.Maximum(variance, mean.Graph.Constant(epsilon));
        var difference = mean - target;
        var losses = 0.5f * (Pointwise.Log(positive) + difference * difference / positive);
        return LossReduction.Apply(reduction, full ? losses + 0.5f * MathF.Log(2f * MathF.PI) : losses);
    }
}
