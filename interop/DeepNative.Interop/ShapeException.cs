namespace DeepNative;

/// <summary>Dimensions, ranks or data types that do not fit together.</summary>
public sealed class ShapeException : DeepNativeException
{
    /// <summary>An exception with the engine's text.</summary>
    /// <param name="message">Names the tensor, the shape found and the shape expected.</param>
    public ShapeException(string message) : base(Status.ShapeMismatch, message) { }

    /// <summary>An exception for a layer or operator whose input does not fit.</summary>
    /// <param name="layer">The layer's path in the model, such as <c>block2.conv1</c>.</param>
    /// <param name="expected">The shape or rule it needs, such as <c>(N, 3, H, W)</c>.</param>
    /// <param name="found">The shape it got, such as <c>(100, 1, 28, 28)</c>.</param>
    public ShapeException(string layer, string expected, string found)
        : base(Status.ShapeMismatch, $"{layer}: found {found}, expected {expected}") =>
        (Layer, Expected, Found) = (layer, expected, found);

    /// <summary>An exception with the text of a shape rule that knows its layer.</summary>
    /// <param name="message">Names the layer, what was found and what was expected.</param>
    /// <param name="layer">The layer's path in the model; empty outside of one.</param>
    /// <param name="expected">What it needs.</param>
    /// <param name="found">What it got.</param>
    public ShapeException(string message, string layer, string expected, string found)
        : base(Status.ShapeMismatch, message) =>
        (Layer, Expected, Found) = (layer, expected, found);

    /// <summary>The layer's path in the model; null when the engine found the mismatch.</summary>
    public string? Layer { get; }

    /// <summary>What the layer needs; null when the engine found the mismatch.</summary>
    public string? Expected { get; }

    /// <summary>What the layer got; null when the engine found the mismatch.</summary>
    public string? Found { get; }
}
