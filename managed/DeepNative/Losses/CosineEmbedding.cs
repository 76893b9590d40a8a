using DeepNative.Operators;

namespace DeepNative.Losses;

/// <summary>
/// With the cosine of the angle between two vectors: 1 - cosine where the target is 1 (they belong together),
/// max(0, cosine - margin) where it is -1.
/// </summary>
/// <param name="margin">The cosine that is small enough, -1 to 1.</param>
/// <param name="reduction">How the batch's loss follows from its pairs'.</param>
public sealed class CosineEmbedding(float margin = 0f, Reduction reduction = Reduction.Mean)
{
    // Makes the angle of a vector of zeros defined.
    private const float Epsilon = 1e-12f;

    /// <summary>Adds the loss to a graph.</summary>
    /// <param name="first">(N, D).</param>
    /// <param name="second">(N, D).</param>
    /// <param name="target">(N), 1 or -1.</param>
    /// <returns>A float32 value of shape ().</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public Value Forward(Value first, Value second, Value target)
    {
        ArgumentNullException.ThrowIfNull(first);
        first.Graph.CheckRank(nameof(CosineEmbedding), nameof(first), first, 2);
        LossChecks.Check(this, nameof(second), second, first.Shape);
        LossChecks.Check(this, nameof(target), target, new Shape(first.Shape[0]));
        var cosine = Dot(first, second) * Pointwise.ReciprocalSqrt((Dot(first, first) + Epsilon) * (Dot(second, second) + Epsilon));
        var together = Pointwise.Greater(target, first.Graph.Constant(0f));
        return LossReduction.Apply(reduction, Pointwise.Select(together, 1f - cosine, Activations.Relu(cosine - margin)));

        static Value Dot(Value a, Value b) => Reduce.Sum(a * b, [1]);
    }
}
