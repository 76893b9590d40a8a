namespace DeepNative.Data;

/// <summary>
/// A set of examples that all have the same shape: what training, evaluation and checks need to know of
/// any data.
/// </summary>
/// <remarks>Implementations are immutable: <see cref="Gather"/> is called from a background thread.</remarks>
public interface IExampleSource
{
    /// <summary>For messages: "MNIST training set".</summary>
    string Name { get; }

    /// <summary>The number of examples.</summary>
    int Count { get; }

    /// <summary>The shape of one input, without the batch axis: (1, 28, 28).</summary>
    Shape InputShape { get; }

    /// <summary>The data type of inputs: UInt8 or Float32.</summary>
    DType InputType { get; }

    /// <summary>The shape of one target, without the batch axis; () for class indices, (H, W) for masks.</summary>
    Shape TargetShape { get; }

    /// <summary>The data type of targets: Int32 or UInt8 class indices, or Float32 values.</summary>
    DType TargetType { get; }

    /// <summary>The largest class index; null where targets are not class indices.</summary>
    int? MaxLabel { get; }

    /// <summary>Copies examples into a batch, in the given order. Allocates nothing.</summary>
    /// <param name="indices">Which examples, each 0 to <see cref="Count"/> - 1.</param>
    /// <param name="inputs">Receives the inputs, row-major, one after the other.</param>
    /// <param name="targets">Receives the targets likewise.</param>
    void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets);

    /// <summary>
    /// int32 (<see cref="Count"/>): what each example was made of, such as the picture of a window, in any numbers. Examples
    /// of one thing show the same, so <see cref="ExampleSplit"/> keeps them together. Empty: each stands for itself.
    /// </summary>
    ReadOnlySpan<int> Groups => default;

    /// <summary>
    /// The shape of the weights of one target, which multiply its losses, such as U-Net's map: the loss's leading
    /// axes without that of the batch, () for one number an example. Null: there are none.
    /// </summary>
    Shape? WeightShape => null;

    /// <summary>Copies the weights of a batch, where there are any. Allocates nothing.</summary>
    /// <param name="indices">Which examples, as <see cref="Gather"/> was told.</param>
    /// <param name="weights">Receives the weights, row-major, one after the other.</param>
    void GatherWeights(ReadOnlySpan<int> indices, Span<float> weights)
    {
    }

    /// <summary>
    /// Mean and standard deviation per channel of the inputs, for <see cref="Normalization"/>; null where
    /// inputs are used as they are.
    /// </summary>
    /// <returns>The statistics, in units of byte / 255 for bytes; or null.</returns>
    Normalization? Statistics();
}
