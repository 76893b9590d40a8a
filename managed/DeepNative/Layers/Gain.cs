namespace DeepNative.Layers;

/// <summary>
/// What an activation takes from the deviation of a layer's output, to be given back by the first weights:
/// for <see cref="Initializer.VarianceScaling"/> and <see cref="Initializer.Orthogonal"/>. PyTorch's numbers.
/// </summary>
public static class Gain
{
    /// <summary>No activation, convolutions and fully connected layers: 1.</summary>
    public const double Linear = 1.0;

    /// <summary>The logistic function: 1.</summary>
    public const double Sigmoid = 1.0;

    /// <summary>The hyperbolic tangent: 5/3.</summary>
    public const double Tanh = 5.0 / 3.0;

    /// <summary>max(x, 0): sqrt(2), as half of the variance is lost (He, Zhang, Ren, Sun 2015).</summary>
    public const double Relu = 1.4142135623730951;

    /// <summary>SELU: 3/4. Its paper (Klambauer et al. 2017) asks for 1, which is <see cref="Linear"/>.</summary>
    public const double Selu = 0.75;

    /// <summary>A rectifier of some slope below 0: sqrt(2 / (1 + slope^2)).</summary>
    /// <param name="slope">The slope.</param>
    /// <returns>The gain.</returns>
    public static double LeakyRelu(double slope = 0.01) => Math.Sqrt(2.0 / (1.0 + slope * slope));
}
