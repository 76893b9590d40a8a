using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>The axes in another order: (N, C, H, W) with (0, 2, 3, 1) becomes (N, H, W, C).</summary>
public sealed class Permute : Layer
{
    private readonly int[] _permutation;

    /// <summary>Creates the layer.</summary>
    /// <param name="permutation">Axis i of the output is axis permutation[i] of the input; each axis once.</param>
    public Permute(params ReadOnlySpan<int> permutation) => _permutation = permutation.ToArray();

    /// <inheritdoc/>
    protected override Value Build(Value input) => Transpose.Permute(input, _permutation);
}
