namespace DeepNative.Training;

/// <summary>A tensor under the name that it has in a file.</summary>
/// <param name="Name">The name.</param>
/// <param name="Tensor">The tensor.</param>
internal readonly record struct NamedTensor(string Name, Tensor Tensor);
