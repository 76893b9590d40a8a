using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>Multi-layer perceptrons of any size.</summary>
public static class Mlp
{
    private const int Hidden = 256;

    /// <summary>One hidden layer of 256 ReLUs: h = g(W x + b), y = W2 h + b2.</summary>
    /// <param name="input">One input, without the batch axis.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    public static Sequential Create(Shape input, int classes) => new(
        new Flatten(), new Linear(checked((int)input.Count), Hidden), new ReLU(), new Linear(Hidden, classes));

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

    /// <summary>
    /// The lecture notes' solution of XOR, which no single unit has: two step units that see one input without the other,
    /// W = [[1, -1], [-1, 1]], b = (-1/2, -1/2), w2 = (4, 4), b2 = -1.
    /// </summary>
    /// <returns>The model: input (N, 2) of zeros and ones, output (N, 1), above 0 where they differ.</returns>
    public static Sequential Xor() => new(
        new Linear(2, 2, weightInitializer: Initializer.Of(1f, -1f, -1f, 1f), biasInitializer: Initializer.Constant(-0.5f)),
        new Heaviside(),
        new Linear(2, 1, weightInitializer: Initializer.Constant(4f), biasInitializer: Initializer.Constant(-1f)));
}
