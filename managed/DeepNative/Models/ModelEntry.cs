using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>A model that can be asked for by name.</summary>
/// <param name="Name">Lower case: "mnistnet".</param>
/// <param name="Create">Makes the layers, without tensors yet.</param>
/// <param name="InputShape">The shape of one input, without the batch axis.</param>
/// <param name="Classes">The number of classes that it tells apart.</param>
/// <param name="Recipe">How it is trained.</param>
public sealed record ModelEntry(string Name, Func<Layer> Create, Shape InputShape, int Classes, Recipe Recipe);
