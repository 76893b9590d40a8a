using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Batch normalisation over all axes but 1 (Ioffe, Szegedy: "Batch normalization", 2015):
/// y = (x - mean) / sqrt(var + epsilon) * weight + bias, for each channel.
/// </summary>
public static class BatchNorm
{
    private const string Title = "BatchNorm";

    /// <summary>
    /// Normalises by the batch's own mean and biased variance, and moves the running statistics towards
    /// it: running = (1 - momentum) * running + momentum * batch, with the unbiased variance.
    /// </summary>
    /// <param name="x">(N, C, ...), float32.</param>
    /// <param name="weight">(C).</param>
    /// <param name="bias">(C).</param>
    /// <param name="runningMean">(C), a bound tensor; overwritten.</param>
    /// <param name="runningVariance">(C), a bound tensor; overwritten.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="momentum">The part of the new value in the running one, 0 to 1.</param>
    /// <returns>The shape of x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or a channel has fewer than two elements.</exception>
    /// <exception cref="ArgumentException">A running statistic is not a bound tensor.</exception>
    public static Value Training(
        Value x, Value weight, Value bias, Value runningMean, Value runningVariance,
        float epsilon = 1e-5f, float momentum = 0.1f)
    {
        Check(x, weight, bias, runningMean, runningVariance);
        BoundNode.Require(runningMean, nameof(runningMean));
        BoundNode.Require(runningVariance, nameof(runningVariance));
        if (x.Shape.Count / Math.Max(x.Shape[1], 1) < 2)
        {
            throw x.Graph.Mismatch(
                Title, "two or more elements a channel", $"{x.Shape}",
                $"a channel needs two or more elements to have a variance; input is {x.Shape}");
        }

        return x.Graph.Add(new BatchNormTrainingNode(x, weight, bias, runningMean, runningVariance, epsilon, momentum)).Outputs[0];
    }

    /// <summary>Normalises by the running statistics, which stay as they are.</summary>
    /// <param name="x">(N, C, ...), float32.</param>
    /// <param name="weight">(C).</param>
    /// <param name="bias">(C).</param>
    /// <param name="runningMean">(C).</param>
    /// <param name="runningVariance">(C).</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>The shape of x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Value Inference(Value x, Value weight, Value bias, Value runningMean, Value runningVariance, float epsilon = 1e-5f)
    {
        Check(x, weight, bias, runningMean, runningVariance);
        return x.Graph.Add(new BatchNormInferenceNode(x, weight, bias, runningMean, runningVariance, epsilon)).Outputs[0];
    }

    private static void Check(Value x, Value weight, Value bias, Value runningMean, Value runningVariance)
    {
        ArgumentNullException.ThrowIfNull(x);
        var graph = x.Graph;
        graph.CheckDType(Title, "input", x, DType.Float32);
        if (x.Shape.Rank < 2)
        {
            throw graph.Mismatch(
                Title, "rank 2 or more", $"rank {x.Shape.Rank}",
                $"input has rank {x.Shape.Rank}, expected (N, C, ...); input is {x.Shape}");
        }

        CheckChannels("weight", weight);
        CheckChannels("bias", bias);
        CheckChannels("running mean", runningMean);
        CheckChannels("running variance", runningVariance);

        void CheckChannels(string operand, Value value)
        {
            ArgumentNullException.ThrowIfNull(value);
            graph.CheckDType(Title, operand, value, DType.Float32);
            if (value.Shape != new Shape(x.Shape[1]))
            {
                throw graph.Mismatch(
                    Title, $"{value.Shape.Count} channels", $"{x.Shape[1]} channels",
                    $"input has {x.Shape[1]} channels, expected {value.Shape.Count}; input is {x.Shape}, {operand} {value.Shape}");
            }
        }
    }
}

internal abstract class BatchNormNode : Node
{
    protected BatchNormNode(Graph graph, float epsilon, float momentum, params ReadOnlySpan<Value?> inputs)
        : base(graph, inputs)
    {
        Epsilon = epsilon;
        Momentum = momentum;
    }

    public float Epsilon { get; }

    public float Momentum { get; }

    public override string OperatorName => "BatchNorm";

    public override object? Attributes => (Epsilon, Momentum);

    protected abstract BatchNormMode Mode { get; }

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new BatchNormAttributes { Mode = Mode, Epsilon = Epsilon, Momentum = Momentum };
        writer.Add(this, OperatorKind.BatchNorm, attributes);
    }
}

/// <summary>Outputs y, mean, inv_std; overwrites the running statistics.</summary>
internal sealed class BatchNormTrainingNode : BatchNormNode
{
    private static readonly int[] _updated = [3, 4];

    public BatchNormTrainingNode(Value x, Value weight, Value bias, Value runningMean, Value runningVariance, float epsilon, float momentum)
        : base(x.Graph, epsilon, momentum, x, weight, bias, runningMean, runningVariance)
    {
        AddOutput(DType.Float32, x.Shape);
        AddOutput(DType.Float32, weight.Shape);
        AddOutput(DType.Float32, weight.Shape);
    }

    public override ReadOnlySpan<int> UpdatedInputs => _updated;

    protected override BatchNormMode Mode => BatchNormMode.Training;

    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(1) is not null || context.GradOutput(2) is not null)
            throw NoDerivative("of the batch's statistics");
        if (context.GradOutput(0) is not { } gradOutput) return new Value?[5];
        var node = Graph.Add(new BatchNormBackwardNode(Inputs[0]!, Inputs[1]!, Outputs[1], Outputs[2], gradOutput, Epsilon));
        return [node.Outputs[0], node.Outputs[1], node.Outputs[2], null, null];
    }
}

internal sealed class BatchNormInferenceNode : BatchNormNode
{
    public BatchNormInferenceNode(Value x, Value weight, Value bias, Value mean, Value variance, float epsilon)
        : base(x.Graph, epsilon, 0f, x, weight, bias, mean, variance) => AddOutput(DType.Float32, x.Shape);

    protected override BatchNormMode Mode => BatchNormMode.Inference;

    // Element-wise, so its derivative is that of the formula written with operators.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[5];
        if (context.GradOutput(0) is not { } gradOutput) return gradients;
        var x = Inputs[0]!;
        var channels = Convolution.ChannelShape(x.Shape[1], x.Shape.Rank);
        var weight = PerChannel(1);
        var invStd = Pointwise.ReciprocalSqrt(PerChannel(4) + Epsilon);
        if (context.Needs(1)) gradients[1] = Sum(gradOutput * ((x - PerChannel(3)) * invStd));
        if (context.Needs(2)) gradients[2] = Sum(gradOutput);
        if (context.Needs(3)) gradients[3] = Sum(-(gradOutput * (weight * invStd)));
        if (context.Needs(4)) gradients[4] = Sum(gradOutput * (x - PerChannel(3)) * (weight * (invStd * invStd * invStd) * -0.5f));
        if (context.Needs(0)) gradients[0] = gradOutput * (weight * invStd);
        return gradients;

        Value PerChannel(int input) => Reshape.To(Inputs[input]!, channels);

        Value Sum(Value value) => Reshape.To(Reduce.SumTo(value, channels), Inputs[1]!.Shape);
    }
}

internal sealed class BatchNormBackwardNode : BatchNormNode
{
    public BatchNormBackwardNode(Value x, Value weight, Value mean, Value invStd, Value gradOutput, float epsilon)
        : base(x.Graph, epsilon, 0f, x, weight, mean, invStd, gradOutput)
    {
        AddOutput(DType.Float32, x.Shape);
        AddOutput(DType.Float32, weight.Shape);
        AddOutput(DType.Float32, weight.Shape);
    }

    protected override BatchNormMode Mode => BatchNormMode.Backward;

    public override Value?[] Derivative(DerivativeContext context) => throw NoDerivative("of a batch norm's gradient");
}
