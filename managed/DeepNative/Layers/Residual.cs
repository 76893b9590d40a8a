namespace DeepNative.Layers;

/// <summary>
/// output = body(input) + shortcut(input) (He, Zhang, Ren, Sun: "Deep residual learning", 2016). Both
/// sides must have the same shape. The children are named "body" and "shortcut".
/// </summary>
public sealed class Residual : Layer
{
    private readonly Layer _body;
    private readonly Layer? _shortcut;

    /// <summary>Creates the layer.</summary>
    /// <param name="body">The learned difference.</param>
    /// <param name="shortcut">What the input passes beside it, such as a 1x1 convolution; null: nothing.</param>
    public Residual(Layer body, Layer? shortcut = null)
    {
        _body = AddChild("body", body);
        if (shortcut is not null) _shortcut = AddChild("shortcut", shortcut);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var body = _body.Forward(input);
        var shortcut = _shortcut is null ? input : _shortcut.Forward(input);
        if (body.Shape != shortcut.Shape)
            throw new ShapeException(
                $"layer {this}: body gives {body.Shape}, shortcut gives {shortcut.Shape}, expected the same", Name,
                shortcut.Shape.ToString(), body.Shape.ToString());
        return body + shortcut;
    }
}
