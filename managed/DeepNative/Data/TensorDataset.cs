using System.Runtime.InteropServices;

namespace DeepNative.Data;

/// <summary>Examples from arrays: float32 inputs with float32 targets (regression) or class indices.</summary>
/// <remarks>Holds the arrays without copying; do not change them while training. Thread-safe.</remarks>
public sealed class TensorDataset : ILabeledExamples, IContiguousExamples
{
    private readonly float[] _inputs;
    private readonly Array _targets;
    private readonly float[] _weights = [];

    /// <summary>Inputs with float32 targets.</summary>
    /// <param name="inputShape">The shape of one input.</param>
    /// <param name="inputs">All inputs, row-major, one after the other.</param>
    /// <param name="targetShape">The shape of one target.</param>
    /// <param name="targets">All targets likewise.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="ArgumentException">The arrays do not hold the same number of whole examples.</exception>
    public TensorDataset(Shape inputShape, float[] inputs, Shape targetShape, float[] targets, string name = "data set")
        : this(inputShape, inputs, targetShape, targets, DType.Float32, name)
    {
    }

    /// <summary>Inputs with class indices.</summary>
    /// <param name="inputShape">The shape of one input.</param>
    /// <param name="inputs">All inputs, row-major, one after the other.</param>
    /// <param name="labels">One class index for each, at least 0.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="ArgumentException">The arrays do not hold the same number of examples, or a label is negative.</exception>
    public TensorDataset(Shape inputShape, float[] inputs, int[] labels, string name = "data set")
        : this(inputShape, inputs, Shape.Scalar, labels, DType.Int32, name)
    {
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] < 0)
                throw new ArgumentException($"{name}: label {labels[i]} of example {i} is negative.", nameof(labels));
            MaxLabel = Math.Max(MaxLabel ?? 0, labels[i]);
        }
    }

    private TensorDataset(Shape inputShape, float[] inputs, Shape targetShape, Array targets, DType targetType, string name)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (inputShape.Count < 1 || targetShape.Count < 1)
            throw new ArgumentException($"{name}: examples of shape {inputShape} with targets of {targetShape} hold nothing.");
        if (inputs.Length % inputShape.Count != 0)
            throw new ArgumentException($"{name}: {inputs.Length} input values are not whole examples of {inputShape}.", nameof(inputs));
        Count = (int)(inputs.Length / inputShape.Count);
        if (targets.Length != Count * targetShape.Count)
            throw new ArgumentException(
                $"{name}: {targets.Length} target values, expected {Count * targetShape.Count} for {Count} examples of {targetShape}.",
                nameof(targets));
        Name = name;
        InputShape = inputShape;
        TargetShape = targetShape;
        TargetType = targetType;
        _inputs = inputs;
        _targets = targets;
    }

    private TensorDataset(TensorDataset data, Shape weightShape, float[] weights)
    {
        (Name, Count, InputShape, TargetShape, TargetType, MaxLabel) =
            (data.Name, data.Count, data.InputShape, data.TargetShape, data.TargetType, data.MaxLabel);
        (_inputs, _targets, _weights) = (data._inputs, data._targets, weights);
        WeightShape = weightShape;
    }

    /// <summary>The same examples with weights, which multiply the losses of their targets.</summary>
    /// <param name="weightShape">The leading axes of one target's losses: () for one number an example.</param>
    /// <param name="weights">All weights, row-major, one after the other; held without copying.</param>
    /// <returns>The data set; this one stays as it is.</returns>
    /// <exception cref="ArgumentException">The weights are not as many as the examples need.</exception>
    public TensorDataset WithWeights(Shape weightShape, float[] weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return weights.Length == Count * weightShape.Count
            ? new TensorDataset(this, weightShape, weights)
            : throw new ArgumentException(
                $"{Name}: {weights.Length} weights, expected {Count * weightShape.Count} for {Count} examples of {weightShape}.", nameof(weights));
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public Shape InputShape { get; }

    /// <inheritdoc/>
    public DType InputType => DType.Float32;

    /// <inheritdoc/>
    public Shape TargetShape { get; }

    /// <inheritdoc/>
    public DType TargetType { get; }

    /// <inheritdoc/>
    public int? MaxLabel { get; }

    /// <inheritdoc/>
    public Shape? WeightShape { get; }

    /// <inheritdoc/>
    public ReadOnlySpan<int> Labels => _targets as int[];

    /// <summary>None: classes are numbers here.</summary>
    public IReadOnlyList<string> ClassNames => [];

    ReadOnlySpan<byte> IContiguousExamples.Inputs => MemoryMarshal.AsBytes<float>(_inputs);

    ReadOnlySpan<byte> IContiguousExamples.Targets =>
        _targets is int[] labels ? MemoryMarshal.AsBytes<int>(labels) : MemoryMarshal.AsBytes<float>((float[])_targets);

    object IContiguousExamples.Owner => this;

    /// <inheritdoc/>
    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
    {
        Rows.Gather<float>(_inputs, (int)InputShape.Count, indices, MemoryMarshal.Cast<byte, float>(inputs));
        var length = (int)TargetShape.Count;
        if (_targets is int[] labels)
            Rows.Gather<int>(labels, length, indices, MemoryMarshal.Cast<byte, int>(targets));
        else
            Rows.Gather<float>((float[])_targets, length, indices, MemoryMarshal.Cast<byte, float>(targets));
    }

    /// <inheritdoc/>
    public void GatherWeights(ReadOnlySpan<int> indices, Span<float> weights)
    {
        if (WeightShape is { } shape) Rows.Gather<float>(_weights, (int)shape.Count, indices, weights);
    }

    /// <summary>Float inputs are used as they are.</summary>
    /// <returns>Null.</returns>
    public Normalization? Statistics() => null;
}
