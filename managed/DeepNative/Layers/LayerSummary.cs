namespace DeepNative.Layers;

/// <summary>One layer in a <see cref="ModelSummary"/>.</summary>
/// <param name="Name">Its path in the model; empty for the model itself.</param>
/// <param name="Kind">The layer's class: "Conv2d".</param>
/// <param name="OutputShape">What it puts out, with the batch axis.</param>
/// <param name="Parameters">Trained values of the layer itself, without layers below.</param>
/// <param name="MultiplyAdds">Multiplications with an addition that the layer itself does for the whole batch.</param>
public sealed record LayerSummary(string Name, string Kind, Shape OutputShape, long Parameters, long MultiplyAdds)
{
    /// <summary>What one element of the output sees of the model's input; null: all of it, or an input without spatial axes.</summary>
    public ReceptiveField? Field { get; init; }
}
