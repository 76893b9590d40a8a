namespace DeepNative.Layers;

/// <summary>Takes apart one axis: (N, 6, H) with axis 1 and (2, 3) becomes (N, 2, 3, H). Behind <see cref="Flatten"/> it gives samples any shape.</summary>
public sealed class Unflatten : Layer
{
    private readonly int _axis;
    private readonly Shape _shape;

    /// <summary>Creates the layer.</summary>
    /// <param name="axis">The axis; below 0 it is counted from the end.</param>
    /// <param name="shape">What it becomes; as many elements as its extent.</param>
    public Unflatten(int axis, Shape shape)
    {
        _axis = axis;
        _shape = shape;
    }

    /// <inheritdoc/>
    protected override Value Build(Value input) => Operators.Reshape.Unflatten(input, _axis, _shape);
}
