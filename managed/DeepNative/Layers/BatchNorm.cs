namespace DeepNative.Layers;

/// <summary>
/// Batch normalisation over all axes but 1 (Ioffe, Szegedy 2015):
/// output = (input - mean) / sqrt(var + epsilon) * weight + bias. Input (N, C) or (N, C, H, W).
/// Training graphs take mean and biased variance of the batch and update the running ones,
/// running = (1 - momentum) * running + momentum * batch (with the unbiased variance);
/// evaluation graphs take the running ones.
/// </summary>
/// <remarks>
/// Parameters, all (C), named as in torchvision: "weight" (1) and "bias" (0), trained; "running_mean" (0)
/// and "running_var" (1), not trained.
/// </remarks>
public sealed class BatchNorm : Layer
{
    private readonly int _channels;
    private readonly float _epsilon;
    private readonly float _momentum;
    private readonly Parameter _weight;
    private readonly Parameter _bias;
    private readonly Parameter _runningMean;
    private readonly Parameter _runningVar;

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <param name="momentum">Weight of the batch in the running statistics, 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public BatchNorm(int channels, float epsilon = 1e-5f, float momentum = 0.1f)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        ArgumentOutOfRangeException.ThrowIfNegative(momentum);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(momentum, 1f);
        _channels = channels;
        _epsilon = epsilon;
        _momentum = momentum;
        var shape = new Shape(channels);
        _weight = AddParameter("weight", shape, Initializer.Ones);
        _bias = AddParameter("bias", shape, Initializer.Zeros);
        _runningMean = AddParameter("running_mean", shape, Initializer.Zeros, trainable: false);
        _runningVar = AddParameter("running_var", shape, Initializer.Ones, trainable: false);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (shape.Rank < 2 || shape[1] != _channels) throw Mismatch(shape, $"(N, {_channels}, ...)");
        var graph = input.Graph;
        var (weight, bias) = (graph.Parameter(_weight), graph.Parameter(_bias));
        var (mean, variance) = (graph.Parameter(_runningMean), graph.Parameter(_runningVar));
        return graph.Training
            ? Operators.BatchNorm.Training(input, weight, bias, mean, variance, _epsilon, _momentum)
            : Operators.BatchNorm.Inference(input, weight, bias, mean, variance, _epsilon);
    }
}
