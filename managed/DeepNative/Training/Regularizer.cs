using DeepNative.Operators;

namespace DeepNative.Training;

/// <summary>
/// A penalty on parameters, added to what training makes small: <c>new TrainerOptions { Regularizers =
/// [Regularizer.L2(1e-4f)] }</c>.
/// </summary>
/// <remarks>
/// The losses that a trainer tells are without it. For stochastic gradient descent L2(factor) is a weight decay of 2 *
/// factor; for rules that scale gradients, such as Adam, it is not. Immutable and thread-safe.
/// </remarks>
public sealed class Regularizer
{
    private readonly float _absolute;
    private readonly float _squared;
    private readonly Func<Parameter, bool> _chosen;

    private Regularizer(float absolute, float squared, Func<Parameter, bool>? parameters)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(absolute);
        ArgumentOutOfRangeException.ThrowIfNegative(squared);
        _absolute = absolute;
        _squared = squared;
        _chosen = parameters ?? (parameter => parameter.Shape.Rank > 1);
    }

    /// <summary>factor * the sum of |w|, which makes weights exactly or nearly 0 (Tibshirani 1996). Its gradient at 0 is 0.</summary>
    /// <param name="factor">At least 0.</param>
    /// <param name="parameters">Which parameters, for instance by their name; null: those with two axes or more, so weights but not biases.</param>
    /// <returns>The penalty.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative.</exception>
    public static Regularizer L1(float factor, Func<Parameter, bool>? parameters = null) => new(factor, 0f, parameters);

    /// <summary>factor * the sum of w^2 (Hoerl, Kennard: "Ridge regression", 1970).</summary>
    /// <param name="factor">At least 0.</param>
    /// <param name="parameters">Which parameters; null: those with two axes or more.</param>
    /// <returns>The penalty.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative.</exception>
    public static Regularizer L2(float factor, Func<Parameter, bool>? parameters = null) => new(0f, factor, parameters);

    /// <summary>Both together: absolute * the sum of |w| + squared * the sum of w^2 (Zou, Hastie: "Elastic net", 2005).</summary>
    /// <param name="absolute">Factor of the first, at least 0.</param>
    /// <param name="squared">Factor of the second, at least 0.</param>
    /// <param name="parameters">Which parameters; null: those with two axes or more.</param>
    /// <returns>The penalty.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A factor is negative.</exception>
    public static Regularizer Elastic(float absolute, float squared, Func<Parameter, bool>? parameters = null) => new(absolute, squared, parameters);

    /// <summary>Adds the penalty to a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="parameters">All that are trained; the penalty's filter chooses among them.</param>
    /// <returns>A float32 value of shape (); 0 where none is chosen.</returns>
    public Value Penalty(Graph graph, IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(parameters);
        var penalty = graph.Constant(0f);
        using var scope = graph.Scope("regularizer");
        foreach (var parameter in parameters)
        {
            if (!parameter.Trainable || !_chosen(parameter)) continue;
            var weight = graph.Parameter(parameter);
            if (_absolute > 0f) penalty += _absolute * Reduce.Sum(Pointwise.Abs(weight));
            if (_squared > 0f) penalty += _squared * Reduce.Sum(weight * weight);
        }

        return penalty;
    }
}
