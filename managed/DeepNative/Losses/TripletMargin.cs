using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// max(0, |anchor - positive| - |anchor - negative| + margin): an example is to be nearer to one of its kind than
/// to another (Schroff, Kalenichenko, Philbin: "FaceNet", 2015, there with squared distances).
/// </summary>
/// <param name="margin">By how much nearer.</param>
/// <param name="swap">Whether |positive - negative| counts where it is smaller than |anchor - negative| (Balntas et al. 2016).</param>
/// <param name="reduction">How the batch's loss follows from its triplets'.</param>
public sealed class TripletMargin(float margin = 1f, bool swap = false, Reduction reduction = Reduction.Mean)
{
    // Added to differences, so that the distance of equal vectors has a derivative.
    private const float Epsilon = 1e-6f;

    /// <summary>Adds the loss to a graph.</summary>
    /// <param name="anchor">(N, D).</param>
    /// <param name="positive">(N, D): of the anchor's kind.</param>
    /// <param name="negative">(N, D): of another.</param>
    /// <returns>A float32 value of shape ().</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public Value Forward(Value anchor, Value positive, Value negative)
    {
        ArgumentNullException.ThrowIfNull(anchor);
        anchor.Graph.CheckRank(nameof(TripletMargin), nameof(anchor), anchor, 2);
        LossChecks.Check(this, nameof(positive), positive, anchor.Shape);
        LossChecks.Check(this, nameof(negative), negative, anchor.Shape);
        var far = Distance(anchor, negative);
        if (swap) far = Pointwise.Minimum(far, Distance(positive, negative));
        return LossReduction.Apply(reduction, Activations.Relu(Distance(anchor, positive) - far + margin));
    }

    private static Value Distance(Value a, Value b)
    {
        var difference = a - b + Epsilon;
        return Pointwise.Sqrt(Reduce.Sum(difference * difference, [1]));
    }
}
