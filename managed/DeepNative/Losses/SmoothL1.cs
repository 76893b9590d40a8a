namespace DeepNative.Losses;

/// <summary>
/// With d = |output - target|: d^2 / (2 beta) up to beta, d - beta / 2 beyond (Girshick: "Fast R-CNN", 2015): the
/// Huber loss over its delta.
/// </summary>
public sealed class SmoothL1 : ReducedLoss
{
    private readonly float _beta;

    /// <summary>Creates the loss.</summary>
    /// <param name="beta">Where the parabola becomes a line of slope 1, above 0.</param>
    /// <param name="reduction">How the batch's loss follows from its elements'.</param>
    /// <exception cref="ArgumentOutOfRangeException">beta is not above 0.</exception>
    public SmoothL1(float beta = 1f, Reduction reduction = Reduction.Mean)
        : base(reduction)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(beta);
        _beta = beta;
    }

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        return Huber.Of(output - target, _beta) / _beta;
    }
}
