using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Batch normalisation over all axes but 1 (Ioffe, Szegedy 2015):
/// output = (input - mean) / sqrt(var + epsilon) * weight + bias. Input (N, C), (N, C, L), (N, C, H, W) or
/// with more axes. Training graphs take mean and biased variance of the batch and update the running ones,
/// running = (1 - momentum) * running + momentum * batch (with the unbiased variance);
/// evaluation graphs take the running ones.
/// </summary>
/// <remarks>
/// Parameters, all (C), named as in torchvision: "weight" (1) and "bias" (0), trained; "running_mean" (0)
/// and "running_var" (1), not trained. Each only where it was asked for.
/// </remarks>
public sealed class BatchNorm : Layer
{
    private readonly int _channels;
    private readonly float _epsilon;
    private readonly float _momentum;
    private readonly Parameter? _weight;
    private readonly Parameter? _bias;
    private readonly Parameter? _runningMean;
    private readonly Parameter? _runningVar;

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <param name="momentum">Weight of the batch in the running statistics, 0 to 1.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <param name="trackRunningStatistics">Whether there are running statistics; without them evaluation graphs, too, take those of the batch.</param>
    /// <param name="weightInitializer">First values of the weight; null: 1. 0 in the last one of a residual block makes the block begin as the identity.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public BatchNorm(
        int channels, float epsilon = 1e-5f, float momentum = 0.1f, bool affine = true, bool trackRunningStatistics = true,
        Initializer? weightInitializer = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        ArgumentOutOfRangeException.ThrowIfNegative(momentum);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(momentum, 1f);
        _channels = channels;
        _epsilon = epsilon;
        _momentum = momentum;
        var shape = new Shape(channels);
        if (affine)
        {
            _weight = AddParameter("weight", shape, weightInitializer ?? Initializer.Ones);
            _bias = AddParameter("bias", shape, Initializer.Zeros);
        }

        if (!trackRunningStatistics) return;
        _runningMean = AddParameter("running_mean", shape, Initializer.Zeros, trainable: false);
        _runningVar = AddParameter("running_var", shape, Initializer.Ones, trainable: false);
    }

    /// <summary>
    /// Whether graphs built from now on behave as in evaluation even in training: the running statistics
    /// are used and stay. Weight and bias have gradients as always; to hold them too, leave them out of the
    /// optimiser. For fine-tuning with batches too small for statistics of their own.
    /// </summary>
    /// <exception cref="InvalidOperationException">Set to true without running statistics.</exception>
    public bool Frozen
    {
        get;
        set
        {
            if (value && _runningMean is null)
                throw new InvalidOperationException($"layer {this} has no running statistics to be frozen.");
            field = value;
        }
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var shape = input.Shape;
        if (shape.Rank < 2 || shape[1] != _channels) throw Mismatch(shape, $"(N, {_channels}, ...)");
        var graph = input.Graph;
        var weight = _weight is null ? null : graph.Parameter(_weight);
        var bias = _bias is null ? null : graph.Parameter(_bias);
        if (_runningMean is null || _runningVar is null) return Operators.BatchNorm.WithoutRunning(input, weight, bias, _epsilon);
        var (mean, variance) = (graph.Parameter(_runningMean), graph.Parameter(_runningVar));
        weight ??= Pointwise.Expand(graph.Constant(1f), mean);
        bias ??= Pointwise.Expand(graph.Constant(0f), mean);
        return graph.Training && !Frozen
            ? Operators.BatchNorm.Training(input, weight, bias, mean, variance, _epsilon, _momentum)
            : Operators.BatchNorm.Inference(input, weight, bias, mean, variance, _epsilon);
    }
}
