namespace DeepNative.Layers;

/// <summary>One layer met while tracing a model.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Input">The shape that went in.</param>
/// <param name="Output">The shape that came out.</param>
internal readonly record struct LayerTrace(Layer Layer, Shape Input, Shape Output)
{
    /// <summary>What came out; null while it is being computed.</summary>
    public Value? Value { get; init; }
}
