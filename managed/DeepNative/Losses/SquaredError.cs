namespace DeepNative.Losses;

/// <summary>(output - target)^2 of every element, as PyTorch's MSELoss.</summary>
/// <param name="reduction">How the batch's loss follows from its elements'.</param>
public sealed class SquaredError(Reduction reduction = Reduction.Mean) : ReducedLoss(reduction)
{
    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        var difference = output - target;
        return difference * difference;
    }
}
