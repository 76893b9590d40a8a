using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Local contrast normalisation (Jarrett, Kavukcuoglu, Ranzato, LeCun: "What is the best multi-stage
/// architecture for object recognition?", 2009): first centred = input - mean, then
/// output = centred / max(c, deviation), with mean and deviation = sqrt(mean of centred^2) weighted by a
/// Gaussian window over all channels and neighbouring positions, and c the mean of the deviations of a
/// sample. Input and output (N, C, H, W). The same in training and evaluation.
/// </summary>
/// <remarks>
/// The window's weights add up to 1; at the borders those that are inside the image are scaled to do so.
/// Parameter, not trained: "window" (1, C, size, size).
/// </remarks>
public sealed class LocalContrastNorm : Layer
{
    private readonly int _channels;
    private readonly int _size;
    private readonly float _epsilon;
    private readonly Parameter _window;

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="size">Height and width of the window, odd, at least 1.</param>
    /// <param name="standardDeviation">Of the Gaussian, in positions, above 0; null: a quarter of the size.</param>
    /// <param name="epsilon">The least divisor, above 0: what constant images are divided by.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public LocalContrastNorm(int channels, int size = 9, float? standardDeviation = null, float epsilon = 1e-4f)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        if (size % 2 == 0) throw new ArgumentOutOfRangeException(nameof(size), size, "must be odd");
        var deviation = standardDeviation ?? size / 4f;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(deviation, nameof(standardDeviation));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        (_channels, _size, _epsilon) = (channels, size, epsilon);
        _window = AddParameter("window", new Shape(1, channels, size, size), new Gaussian(deviation), trainable: false);
    }

    /// <inheritdoc/>
    protected internal override long MultiplyAdds(Shape input, Shape output) => 2 * input.Count * _size * _size;

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (shape.Rank != 4 || shape[1] != _channels) throw Mismatch(shape, $"(N, {_channels}, H, W)");
        var graph = input.Graph;
        var window = graph.Parameter(_window);
        var geometry = new ConvGeometry { Padding = _size / 2 };
        var ones = Pointwise.Expand(graph.Constant(1f), input);
        var inside = Convolution.Conv2d(ones, window, geometry: geometry);
        var centred = input - Mean(input);
        var deviation = Pointwise.Sqrt(Mean(centred * centred));
        var least = Pointwise.Maximum(Reduce.Mean(deviation, [1, 2, 3], keepDims: true), graph.Constant(_epsilon));
        return centred / Pointwise.Maximum(deviation, least);

        Value Mean(Value value) => Convolution.Conv2d(value, window, geometry: geometry) / inside;
    }

    private sealed class Gaussian(float deviation) : Initializer
    {
        public override void Fill(Span<float> values, Shape shape, Philox random)
        {
            var (channels, size) = ((int)shape[1], (int)shape[2]);
            var line = new double[size];
            var sum = 0.0;
            for (var i = 0; i < size; i++)
            {
                var distance = (i - size / 2) / (double)deviation;
                sum += line[i] = Math.Exp(-0.5 * distance * distance);
            }

            for (var i = 0; i < values.Length; i++)
                values[i] = (float)(line[i / size % size] * line[i % size] / (sum * sum * channels));
        }
    }
}
