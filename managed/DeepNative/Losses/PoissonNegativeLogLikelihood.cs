using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// Minus the logarithm of a Poisson distribution's probability of the target, without the terms that depend on
/// the target alone: rate - target * ln(rate), of every element.
/// </summary>
/// <param name="logOutput">Whether the outputs are the logarithms of the rates; else they are rates.</param>
/// <param name="full">Whether Stirling's approximation of ln(target!) is added where the target is above 1.</param>
/// <param name="reduction">How the batch's loss follows from its elements'.</param>
public sealed class PoissonNegativeLogLikelihood(bool logOutput = true, bool full = false, Reduction reduction = Reduction.Mean) : ReducedLoss(reduction)
{
    private const float Epsilon = 1e-8f;

    /// <inheritdoc/>
    public override Value Predict(Value output) => logOutput ? Pointwise.Exp(output) : output;

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        var loss = logOutput ? Pointwise.Exp(output) - target * output : output - target * Pointwise.Log(output + Epsilon);
        if (!full) return loss;
        var one = output.Graph.Constant(1f);
        var above = Pointwise.Maximum(target, one);
        var stirling = above * Pointwise.Log(above) - above + 0.5f * Pointwise.Log(2f * MathF.PI * above);
        return loss + Pointwise.Select(Pointwise.Greater(target, one), stirling, output.Graph.Constant(0f));
    }
}
