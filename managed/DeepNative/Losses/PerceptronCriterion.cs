using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// For outputs (N, C) and class indices (N): by how much the largest output is above that of the right class, 0 where that
/// is it. A step of gradient descent with rate 1 on one sample is the rule of the perceptron (Rosenblatt 1958, with one
/// unit for each class): it adds the input to the right unit's weights and takes it from those of the one that won.
/// </summary>
/// <param name="reduction">How the batch's loss follows from its samples'.</param>
public sealed class PerceptronCriterion(Reduction reduction = Reduction.Mean) : ReducedLoss(reduction)
{
    /// <inheritdoc/>
    public override DType TargetType => DType.Int32;

    /// <inheritdoc/>
    public override Shape TargetShape(Shape output) => output.Rank == 2 ? new Shape(output[0]) : throw new ShapeException(
        $"loss {nameof(PerceptronCriterion)}: the model's output is {output}, expected (N, classes)", "loss", "(N, classes)", output.ToString());

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
        return Reduce.Max(output, [1]) - Reshape.To(right, target.Shape);
    }
}
