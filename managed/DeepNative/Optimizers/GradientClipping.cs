using System.Globalization;
using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>
/// Bounds gradients before an optimiser sees them, so before any weight decay is added (Pascanu, Mikolov,
/// Bengio: "On the difficulty of training recurrent neural networks", 2013).
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
public abstract class GradientClipping
{
    /// <summary>Every element is moved into [-limit, limit]; NaN stays.</summary>
    /// <param name="limit">Above 0.</param>
    /// <returns>The rule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not a finite number above 0.</exception>
    public static GradientClipping ByValue(float limit) => new ValueClipping(Checked(limit));

    /// <summary>
    /// All gradients together are scaled by min(1, limit / (norm + 1e-6)), where norm is that of
    /// <see cref="Norm"/>. Of a norm that is not finite all become NaN or 0.
    /// </summary>
    /// <param name="limit">Above 0.</param>
    /// <returns>The rule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not a finite number above 0.</exception>
    public static GradientClipping ByNorm(float limit) => new NormClipping(Checked(limit));

    /// <summary>The Euclidean norm of all gradients as one vector.</summary>
    /// <param name="gradients">One or more, of any shapes.</param>
    /// <returns>float32 ().</returns>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static Value Norm(IReadOnlyList<Value> gradients)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        if (gradients.Count == 0) throw new ArgumentException("there are no gradients.", nameof(gradients));
        var sum = Squares(gradients[0]);
        for (var i = 1; i < gradients.Count; i++) sum += Squares(gradients[i]);
        return Pointwise.Sqrt(sum);

        static Value Squares(Value gradient) => Reduce.Sum(gradient * gradient);
    }

    /// <summary>Adds the clipping to a graph.</summary>
    /// <param name="gradients">All gradients of a step.</param>
    /// <returns>One for each, of its shape.</returns>
    public abstract IReadOnlyList<Value> Apply(IReadOnlyList<Value> gradients);

    /// <summary>"norm 1", "value 0.5".</summary>
    /// <returns>The text.</returns>
    public abstract override string ToString();

    private static float Checked(float limit) =>
        limit > 0f && float.IsFinite(limit) ? limit : throw new ArgumentOutOfRangeException(nameof(limit), limit, "must be a finite number above 0");

    private sealed class ValueClipping(float limit) : GradientClipping
    {
        public override IReadOnlyList<Value> Apply(IReadOnlyList<Value> gradients)
        {
            ArgumentNullException.ThrowIfNull(gradients);
            return [.. gradients.Select(Clip)];
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"value {limit}");

        private Value Clip(Value gradient) =>
            Pointwise.Minimum(Pointwise.Maximum(gradient, gradient.Graph.Constant(-limit)), gradient.Graph.Constant(limit));
    }

    private sealed class NormClipping(float limit) : GradientClipping
    {
        public override IReadOnlyList<Value> Apply(IReadOnlyList<Value> gradients)
        {
            var norm = Norm(gradients);
            var scale = Pointwise.Minimum(limit / (norm + 1e-6f), norm.Graph.Constant(1f));
            return [.. gradients.Select(gradient => gradient * scale)];
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"norm {limit}");
    }
}
