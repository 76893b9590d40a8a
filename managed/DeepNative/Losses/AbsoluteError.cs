using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>|output - target| of every element, as PyTorch's L1Loss; the gradient at 0 is 0.</summary>
/// <param name="reduction">How the batch's loss follows from its elements'.</param>
public sealed class AbsoluteError(Reduction reduction = Reduction.Mean) : ReducedLoss(reduction)
{
    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        return Pointwise.Abs(output - target);
    }
}
