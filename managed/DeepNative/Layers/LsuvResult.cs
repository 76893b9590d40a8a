namespace DeepNative.Layers;

/// <summary>What <see cref="Lsuv"/> did to one layer.</summary>
/// <param name="Layer">The layer's name.</param>
/// <param name="Variance">The variance of its output in the end.</param>
/// <param name="Scalings">How often its weights were divided.</param>
public sealed record LsuvResult(string Layer, double Variance, int Scalings);
