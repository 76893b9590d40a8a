namespace DeepNative.Models;

/// <summary>What a registered model may be made for instead of its usual data.</summary>
public sealed record ModelOptions
{
    /// <summary>The usual: everything as the model's authors had it.</summary>
    public static ModelOptions Default { get; } = new();

    /// <summary>Classes that the head tells apart, at least 1; null: the model's own number.</summary>
    public int? Classes { get; init; }

    /// <summary>The shape of one input without the batch axis, (C, H, W) for pictures; null: the model's own.</summary>
    public Shape? InputShape { get; init; }
}
