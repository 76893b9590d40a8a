using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// LeNet-5's loss of 1998 (LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition",
/// equation 9) for outputs (N, C) that are minus the squared distances y to the classes' codes: the mean over the batch of
/// y[target] + ln(exp(-j) + sum over c of exp(-y[c])). It pulls the right distance down and pushes those of the other
/// classes up as long as they are not much above j. It is the softmax cross-entropy with one class more, "none of them",
/// at the distance j.
/// </summary>
public sealed class RbfCrossEntropy : Loss
{
    private static readonly SoftmaxCrossEntropy _entropy = new();
    private readonly float _distance;

    /// <summary>Creates the loss.</summary>
    /// <param name="distance">j, at least 0; the paper names no number.</param>
    /// <exception cref="ArgumentOutOfRangeException">The distance is below 0.</exception>
    public RbfCrossEntropy(float distance = 50f)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(distance);
        _distance = distance;
    }

    /// <inheritdoc/>
    public override DType TargetType => DType.Int32;

    /// <inheritdoc/>
    public override Shape TargetShape(Shape output) => output.Rank == 2 ? new Shape(output[0]) : throw new ShapeException(
        $"loss {nameof(RbfCrossEntropy)}: the model's output is {output}, expected (N, classes)", "loss", "(N, classes)", output.ToString());

    /// <inheritdoc/>
    public override long? Classes(Shape output) => output[1];

    /// <inheritdoc/>
    public override Value Forward(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        LossChecks.Check(this, output, target);
        var none = Pointwise.Expand(output.Graph.Constant(-_distance), new Shape(output.Shape[0], 1));
        return _entropy.Forward(Concat.Along(1, output, none), target);
    }

    /// <inheritdoc/>
    public override Value Predict(Value output) => _entropy.Predict(output);

    /// <inheritdoc/>
    public override Value? CountErrors(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        return LossChecks.CountWrongClasses(output, target);
    }

    /// <inheritdoc/>
    public override ClassComparison? Compare(Value output, Value target) => new(output, target);
}
