namespace DeepNative.Layers;

/// <summary>
/// A side exit: passes its input on, and in training graphs also through layers of its own, whose output is compared
/// with the same target (<see cref="Graph.AddAuxiliary"/>; Szegedy et al.: "Going deeper with convolutions", 2015).
/// Evaluation knows nothing of it. The children have the given names.
/// </summary>
public sealed class AuxiliaryHead : Layer
{
    private readonly float _weight;

    /// <summary>Creates the layer.</summary>
    /// <param name="weight">The factor of the exit's loss in the sum, above 0.</param>
    /// <param name="layers">From the input to the exit's output, which has the shape of the model's.</param>
    /// <exception cref="ArgumentOutOfRangeException">The weight is not above 0.</exception>
    /// <exception cref="ArgumentException">A name comes twice.</exception>
    public AuxiliaryHead(float weight, IReadOnlyList<(string Name, Layer Layer)> layers)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(weight);
        ArgumentNullException.ThrowIfNull(layers);
        _weight = weight;
        foreach (var (name, layer) in layers) AddChild(name, layer);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (!input.Graph.Training) return input;
        var output = input;
        foreach (var child in Children) output = child.Forward(output);
        input.Graph.AddAuxiliary(output, _weight);
        return input;
    }

    /// <summary>A model that slides is no longer trained by its side exits.</summary>
    private protected override Value Slide(Value input, SlidingWindows windows) => input;
}
