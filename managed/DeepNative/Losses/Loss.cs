namespace DeepNative.Losses;

/// <summary>What training makes small: one number for a batch of outputs and targets.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public abstract class Loss
{
    /// <summary>The data type of targets: Int32 for class indices, Float32 for values.</summary>
    public abstract DType TargetType { get; }

    /// <summary>The label of positions that do not count; null: all do.</summary>
    public virtual int? IgnoreIndex => null;

    /// <summary>The targets' shape that fits a model's output.</summary>
    /// <param name="output">The shape of a batch of outputs.</param>
    /// <returns>The shape of a batch of targets.</returns>
    /// <exception cref="ShapeException">The loss is not defined for such outputs.</exception>
    public abstract Shape TargetShape(Shape output);

    /// <summary>Adds the loss to a graph: a mean, so that it does not depend on the batch's size.</summary>
    /// <param name="output">The model's output.</param>
    /// <param name="target">Targets of <see cref="TargetShape"/> and <see cref="TargetType"/>.</param>
    /// <returns>A float32 value of shape ().</returns>
    /// <exception cref="ShapeException">Output and target do not fit.</exception>
    public abstract Value Forward(Value output, Value target);

    /// <summary>Adds the loss with a factor for each position, such as a map that stresses some pixels.</summary>
    /// <param name="output">The model's output.</param>
    /// <param name="target">Targets of <see cref="TargetShape"/> and <see cref="TargetType"/>.</param>
    /// <param name="weight">Float32 of the losses' leading axes: (N) weighs samples.</param>
    /// <returns>A float32 value of shape (); the mean divides as it does without the factors.</returns>
    /// <exception cref="ShapeException">Output, target and weight do not fit.</exception>
    /// <exception cref="NotSupportedException">The loss takes no weights.</exception>
    public virtual Value Forward(Value output, Value target, Value weight) =>
        throw new NotSupportedException($"loss {GetType().Name} takes no weights of positions.");

    /// <summary>
    /// <see cref="Forward(Value, Value)"/>, and the losses of the outputs in the middle of the model that
    /// <see cref="Graph.AddAuxiliary"/> was told of, each times its weight: what training differentiates.
    /// </summary>
    /// <param name="output">The model's output.</param>
    /// <param name="target">The targets of all outputs.</param>
    /// <param name="weight">A factor for each position, as in <see cref="Forward(Value, Value, Value)"/>; null: none.</param>
    /// <returns>A float32 value of shape ().</returns>
    /// <exception cref="ShapeException">An output and the target do not fit.</exception>
    public Value Total(Value output, Value target, Value? weight = null)
    {
        ArgumentNullException.ThrowIfNull(output);
        var total = Of(output);
        foreach (var (auxiliary, factor) in output.Graph.Auxiliary) total += factor * Of(auxiliary);
        return total;

        Value Of(Value result) => weight is null ? Forward(result, target) : Forward(result, target, weight);
    }

    /// <summary>
    /// What <see cref="Forward(Value, Value)"/> divides by, where it depends on the targets, such as the sum of their class
    /// weights: evaluation weighs batches by it.
    /// </summary>
    /// <param name="output">The model's output.</param>
    /// <param name="target">The targets.</param>
    /// <returns>A float32 value of shape (); null: batches weigh by their numbers of examples.</returns>
    public virtual Value? Divisor(Value output, Value target) => null;

    /// <summary>What a user gets as prediction: probabilities of classes, or the output itself.</summary>
    /// <param name="output">The model's output.</param>
    /// <returns>The prediction, of the same shape.</returns>
    public virtual Value Predict(Value output) => output;

    /// <summary>The number of samples whose prediction is wrong, for losses that have such a notion.</summary>
    /// <param name="output">The model's output.</param>
    /// <param name="target">The targets.</param>
    /// <returns>A float32 value of shape (), or null.</returns>
    public virtual Value? CountErrors(Value output, Value target) => null;

    /// <summary>What evaluation counts classes by: error, top-5 error, confusion matrix, intersection over union.</summary>
    /// <param name="output">The model's output.</param>
    /// <param name="target">The targets.</param>
    /// <returns>Scores of classes and labels; null where targets are not classes, and <see cref="CountErrors"/> alone counts.</returns>
    public virtual ClassComparison? Compare(Value output, Value target) => null;

    /// <summary>The number of classes that the output tells apart; null where targets are not classes.</summary>
    /// <param name="output">The shape of a batch of outputs.</param>
    /// <returns>The number, or null.</returns>
    public virtual long? Classes(Shape output) => null;
}
