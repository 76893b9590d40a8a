using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>max(0, margin - target * (first - second)) of every element: the first is to rank higher where the target is 1, lower where it is -1.</summary>
/// <param name="margin">By how much.</param>
/// <param name="reduction">How the batch's loss follows from its elements'.</param>
public sealed class MarginRanking(float margin = 0f, Reduction reduction = Reduction.Mean)
{
    /// <summary>Adds the loss to a graph.</summary>
    /// <param name="first">Scores, any shape.</param>
    /// <param name="second">Scores of the same shape.</param>
    /// <param name="target">1 or -1, of the same shape.</param>
    /// <returns>A float32 value of shape ().</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public Value Forward(Value first, Value second, Value target)
    {
        ArgumentNullException.ThrowIfNull(first);
        LossChecks.Check(this, nameof(second), second, first.Shape);
        LossChecks.Check(this, nameof(target), target, first.Shape);
        return LossReduction.Apply(reduction, Activations.Relu(margin - target * (first - second)));
    }
}
