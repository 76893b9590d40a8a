namespace DeepNative;

/// <summary>
/// A tensor that belongs to a model: a weight or bias that training changes, or a state that it keeps
/// (running statistics, a random state). Known by name and shape before it has memory on a device.
/// </summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class Parameter
{
    /// <summary>A parameter without memory.</summary>
    /// <param name="name">Its name inside its layer: "weight", "bias", "running_mean".</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="trainable">False for a state that no optimiser changes.</param>
    /// <param name="dtype">Its data type.</param>
    public Parameter(string name, Shape shape, bool trainable = true, DType dtype = DType.Float32)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
        Shape = shape;
        Trainable = trainable;
        DType = dtype;
    }

    /// <summary>The full path in the model, "0.weight" or "block.conv1.weight"; the layer's own name until it is in one.</summary>
    public string Name { get; internal set; }

    /// <summary>The shape.</summary>
    public Shape Shape { get; }

    /// <summary>The data type.</summary>
    public DType DType { get; }

    /// <summary>Whether an optimiser changes it.</summary>
    public bool Trainable { get; }

    /// <summary>Its memory on a device; null until the model is materialised there.</summary>
    public Tensor? Tensor
    {
        get;
        internal set
        {
            if (value is not null && (value.Shape != Shape || value.DType != DType))
                throw new ArgumentException($"parameter '{Name}' is {DType} {Shape}, the tensor is {value.DType} {value.Shape}.", nameof(value));
            field = value;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Shape}";
}
