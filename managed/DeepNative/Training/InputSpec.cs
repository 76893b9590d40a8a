using DeepNative.Data;

namespace DeepNative.Training;

/// <summary>What a model is fed with.</summary>
/// <param name="Shape">The shape of one raw input, without the batch axis.</param>
/// <param name="Type">The raw inputs' data type: UInt8 or Float32.</param>
/// <param name="Normalization">How raw inputs become the model's; null: bytes / 255, floats as they are.</param>
internal sealed record InputSpec(Shape Shape, DType Type, Normalization? Normalization)
{
    /// <summary>Whether programs for one also serve the other.</summary>
    public bool SameAs(InputSpec other) =>
        Shape == other.Shape && Type == other.Type && Normalization.Same(Normalization, other.Normalization);
}

/// <summary>What a loss is told.</summary>
/// <param name="Shape">The shape of one target, without the batch axis.</param>
/// <param name="Type">The targets' data type; bytes become class indices on the device.</param>
internal readonly record struct TargetSpec(Shape Shape, DType Type);
