namespace DeepNative.Layers;

/// <summary>
/// Normalisation across neighbouring channels (Krizhevsky, Sutskever, Hinton: "ImageNet classification with
/// deep convolutional neural networks", 2012): output[c] = input[c] / (k + alpha / size * sum of input^2 over
/// the channels c - size/2 .. c + (size-1)/2 that exist)^beta. Input and output (N, C, ...). The same in
/// training and evaluation; no parameters.
/// </summary>
/// <remarks>
/// Alpha weighs the mean over the window, as PyTorch's does. The paper's weighs the sum: its size 5, alpha
/// 1e-4, beta 0.75, k 2 are <c>new LocalResponseNorm(5, alpha: 5e-4f, beta: 0.75f, k: 2f)</c> here.
/// </remarks>
public sealed class LocalResponseNorm : Layer
{
    private readonly int _size;
    private readonly float _alpha;
    private readonly float _beta;
    private readonly float _k;

    /// <summary>Creates the layer.</summary>
    /// <param name="size">Channels of a window, at least 1.</param>
    /// <param name="alpha">The weight of the window's mean square, 0 or more.</param>
    /// <param name="beta">The power, 0 or more.</param>
    /// <param name="k">Added to the weighted mean, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public LocalResponseNorm(int size, float alpha = 1e-4f, float beta = 0.75f, float k = 1f)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(alpha);
        ArgumentOutOfRangeException.ThrowIfNegative(beta);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        (_size, _alpha, _beta, _k) = (size, alpha, beta, k);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank < 2) throw Mismatch(input.Shape, "(N, C, ...)");
        return Operators.LocalResponseNorm.Apply(input, _size, _alpha, _beta, _k);
    }
}
