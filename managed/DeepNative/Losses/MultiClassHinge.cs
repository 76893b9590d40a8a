using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// For outputs (N, C) and class indices (N): the sum over the other classes c of max(0, margin - output[target] +
/// output[c]), or of its square, over C (Crammer, Singer 2001; as PyTorch's MultiMarginLoss).
/// </summary>
/// <param name="margin">By how much the right class is to be above the others.</param>
/// <param name="squared">Whether the excess is squared.</param>
/// <param name="reduction">How the batch's loss follows from its samples'.</param>
public sealed class MultiClassHinge(float margin = 1f, bool squared = false, Reduction reduction = Reduction.Mean) : ReducedLoss(reduction)
{
    /// <inheritdoc/>
    public override DType TargetType => DType.Int32;

    /// <inheritdoc/>
    public override Shape TargetShape(Shape output) => output.Rank == 2 ? new Shape(output[0]) : throw new ShapeException(
        $"loss {nameof(MultiClassHinge)}: the model's output is {output}, expected (N, classes)", "loss", "(N, classes)", output.ToString());

    /// <inheritdoc/>
    public override long? Classes(Shape output) => output[1];

    /// <inheritdoc/>
    public override Value? CountErrors(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        return LossChecks.CountWrongClasses(output, target);
    }

    /// <inheritdoc/>
    public override ClassComparison? Compare(Value output, Value target) => new(output, target);

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        var right = Gather.Along(output, Reshape.To(target, [target.Shape[0], 1]), 1);
        var excess = Activations.Relu(margin - right + output);
        if (squared) excess *= excess;

        // The right class itself has the excess `margin`.
        return (Reduce.Sum(excess, [1]) - (squared ? margin * margin : margin)) / output.Shape[1];
    }
}
