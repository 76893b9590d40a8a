using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// The mean over all elements of (output - target)^2, as PyTorch's MSELoss; outputs and targets have the
/// same shape.
/// </summary>
public sealed class SquaredError : Loss
{
    /// <inheritdoc/>
    public override DType TargetType => DType.Float32;

    /// <inheritdoc/>
    public override Shape TargetShape(Shape output) => output;

    /// <inheritdoc/>
    public override Value Forward(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        LossChecks.Check(this, output, target);
        var difference = output - target;
        return Reduce.Mean(difference * difference);
    }
}
