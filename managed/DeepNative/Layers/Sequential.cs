namespace DeepNative.Layers;

/// <summary>Layers one after the other; the children are named "0", "1", "2", ... unless they are given names.</summary>
public sealed class Sequential : Layer
{
    /// <summary>Joins the layers.</summary>
    /// <param name="layers">From input to output; none: the identity.</param>
    public Sequential(params ReadOnlySpan<Layer> layers)
    {
        for (var i = 0; i < layers.Length; i++)
            AddChild(i.ToString(System.Globalization.CultureInfo.InvariantCulture), layers[i]);
    }

    /// <summary>Joins layers that have names of their own, as in files of weights: "conv1", "layer1".</summary>
    /// <param name="layers">From input to output, each name once and without dots.</param>
    /// <exception cref="ArgumentException">A name comes twice.</exception>
    public Sequential(IReadOnlyList<(string Name, Layer Layer)> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        foreach (var (name, layer) in layers) AddChild(name, layer);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var value = input;
        foreach (var child in Children) value = child.Forward(value);
        return value;
    }
}
