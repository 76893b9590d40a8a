using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>Multi-layer perceptrons of any size.</summary>
public static class Mlp
{
    /// <summary>Linear layers with an activation between each two, none after the last.</summary>
    /// <param name="sizes">The features from input to output, at least two numbers; inputs are (N, sizes[0]).</param>
    /// <param name="activation">Makes one activation; null: <see cref="ReLU"/>.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentException">Fewer than two sizes.</exception>
    public static Sequential Create(ReadOnlySpan<int> sizes, Func<Layer>? activation = null)
    {
        if (sizes.Length < 2) throw new ArgumentException($"{sizes.Length} sizes, expected an input's and an output's at least.", nameof(sizes));
        var layers = new List<Layer>();
        for (var i = 1; i < sizes.Length; i++)
        {
            if (i > 1) layers.Add(activation?.Invoke() ?? new ReLU());
            layers.Add(new Linear(sizes[i - 1], sizes[i]));
        }

        return new Sequential([.. layers]);
    }
}
