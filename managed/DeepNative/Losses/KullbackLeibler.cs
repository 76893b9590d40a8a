using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// target * (ln target - output) of every element: outputs are logarithms of probabilities, targets
/// probabilities, 0 where the target is 0. The divergence of distributions is its <see cref="Reduction.BatchMean"/>.
/// </summary>
/// <param name="logTargets">Whether the targets are logarithms of probabilities as well.</param>
/// <param name="reduction">How the batch's loss follows from its elements'.</param>
public sealed class KullbackLeibler(bool logTargets = false, Reduction reduction = Reduction.BatchMean) : ReducedLoss(reduction)
{
    /// <inheritdoc/>
    public override Value Predict(Value output) => Pointwise.Exp(output);

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        if (logTargets) return Pointwise.Exp(target) * (target - output);
        var graph = output.Graph;
        var positive = Pointwise.Select(Pointwise.Greater(target, graph.Constant(0f)), target, graph.Constant(1f));
        return target * (Pointwise.Log(positive) - output);
    }
}
