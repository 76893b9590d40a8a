namespace DeepNative.Layers;

/// <summary>output = input.</summary>
public sealed class Identity : Layer
{
    /// <inheritdoc/>
    protected override Value Build(Value input) => input;
}
