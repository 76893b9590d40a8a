namespace DeepNative.Layers;

/// <summary>Layers one after the other; the children are named "0", "1", "2", ...</summary>
public sealed class Sequential : Layer
{
    /// <summary>Joins the layers.</summary>
    /// <param name="layers">From input to output; none: the identity.</param>
    public Sequential(params ReadOnlySpan<Layer> layers)
    {
        for (var i = 0; i < layers.Length; i++)
            AddChild(i.ToString(System.Globalization.CultureInfo.InvariantCulture), layers[i]);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var value = input;
        foreach (var child in Children) value = child.Forward(value);
        return value;
    }
}
