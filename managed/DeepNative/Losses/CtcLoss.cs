using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// Connectionist temporal classification, for sequences whose labels have no places (Graves et al. 2006):
/// <see cref="Operators.CtcLoss.Apply"/> over a batch. The mean is that of each sample's loss over the length of its
/// target, an empty one counted as 1.
/// </summary>
/// <param name="blank">The class that stands for no label.</param>
/// <param name="zeroInfinity">Whether a target that is longer than its input allows counts as 0, without a gradient.</param>
/// <param name="reduction">How the batch's loss follows from its samples'.</param>
public sealed class CtcLoss(int blank = 0, bool zeroInfinity = false, Reduction reduction = Reduction.Mean)
{
    /// <summary>Adds the loss to a graph.</summary>
    /// <param name="logProbabilities">(T, N, C), float32: the output of a <see cref="Layers.LogSoftmax"/> over the classes.</param>
    /// <param name="targets">(N, S), Int32: classes, none of them the blank.</param>
    /// <param name="inputLengths">(N), Int32: the steps of each sample, 1 to T.</param>
    /// <param name="targetLengths">(N), Int32: the labels of each target, 0 to S.</param>
    /// <returns>A float32 value of shape ().</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public Value Forward(Value logProbabilities, Value targets, Value inputLengths, Value targetLengths)
    {
        var losses = Operators.CtcLoss.Apply(logProbabilities, targets, inputLengths, targetLengths, blank, zeroInfinity);
        if (reduction == Reduction.Mean) losses /= Pointwise.Maximum(targetLengths, losses.Graph.Constant(1f));
        return LossReduction.Apply(reduction, losses);
    }
}
