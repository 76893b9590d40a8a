using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// With d = |output - target|: d^2 / 2 up to delta, delta * (d - delta / 2) beyond (Huber: "Robust estimation of
/// a location parameter", 1964).
/// </summary>
public sealed class Huber : ReducedLoss
{
    private readonly float _delta;

    /// <summary>Creates the loss.</summary>
    /// <param name="delta">Where the parabola becomes a line, above 0.</param>
    /// <param name="reduction">How the batch's loss follows from its elements'.</param>
    /// <exception cref="ArgumentOutOfRangeException">delta is not above 0.</exception>
    public Huber(float delta = 1f, Reduction reduction = Reduction.Mean)
        : base(reduction)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(delta);
        _delta = delta;
    }

    /// <inheritdoc/>
    protected override Value Losses(Value output, Value target)
    {
        ArgumentNullException.ThrowIfNull(output);
        return Of(output - target, _delta);
    }

    internal static Value Of(Value difference, float delta)
    {
        var distance = Pointwise.Abs(difference);
        var near = Pointwise.Minimum(distance, difference.Graph.Constant(delta));
        return near * (distance - 0.5f * near);
    }
}
