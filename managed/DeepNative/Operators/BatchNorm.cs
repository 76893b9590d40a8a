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
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(bias);
        ArgumentNullException.ThrowIfNull(runningMean);
        ArgumentNullException.ThrowIfNull(runningVariance);
        Check(x, weight, bias, runningMean, runningVariance);
        BoundNode.Require(runningMean, nameof(runningMean));
        BoundNode.Require(runningVariance, nameof(runningVariance));
        CheckCount(x);
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
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(bias);
        ArgumentNullException.ThrowIfNull(runningMean);
        ArgumentNullException.ThrowIfNull(runningVariance);
        Check(x, weight, bias, runningMean, runningVariance);
        return x.Graph.Add(new BatchNormInferenceNode(x, weight, bias, runningMean, runningVariance, epsilon)).Outputs[0];
    }

    /// <summary>Normalises by the batch's own mean and biased variance, and keeps no running statistics.</summary>
    /// <param name="x">(N, C, ...), float32.</param>
    /// <param name="weight">(C); null: 1.</param>
    /// <param name="bias">(C); null: 0.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>The shape of x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or a channel has fewer than two elements.</exception>
    public static Value WithoutRunning(Value x, Value? weight = null, Value? bias = null, float epsilon = 1e-5f)
    {
        Check(x, weight, bias, null, null);
        CheckCount(x);
        var channels = Convolution.ChannelShape(x.Shape[1], x.Shape.Rank);
        var axes = new List<int> { 0 };
        for (var axis = 2; axis < x.Shape.Rank; axis++) axes.Add(axis);
        var centred = x - Mean(x);
        var y = centred * Pointwise.ReciprocalSqrt(Mean(centred * centred) + epsilon);
        if (weight is not null) y *= Reshape.To(weight, channels);
        return bias is null ? y : y + Reshape.To(bias, channels);

        Value Mean(Value value) => Reduce.Mean(value, axes.ToArray(), keepDims: true);
    }

    private static void CheckCount(Value x)
    {
        if (x.Shape.Count / Math.Max(x.Shape[1], 1) >= 2) return;
        throw x.Graph.Mismatch(
            Title, "two or more elements a channel", $"{x.Shape}",
            $"a channel needs two or more elements to have a variance; input is {x.Shape}");
    }

    private static void Check(Value x, Value? weight, Value? bias, Value? runningMean, Value? runningVariance)
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

        void CheckChannels(string operand, Value? value)
        {
            if (value is null) return;
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

    public override NodeData? Data => Mode == BatchNormMode.Backward
        ? new(DataRule.Uniform, OperatorKind.BatchNorm, Backward: true, Inputs: 1 | 1 << 4)
        : new(DataRule.Uniform, OperatorKind.BatchNorm);

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
        var gradients = new Value?[5];
        var x = Inputs[0]!;
        if (context.GradOutput(0) is { } gradOutput)
        {
            var node = Graph.Add(new BatchNormBackwardNode(x, Inputs[1]!, Outputs[1], Outputs[2], gradOutput, Epsilon));
            (gradients[0], gradients[1], gradients[2]) = (node.Outputs[0], node.Outputs[1], node.Outputs[2]);
        }

        // Second derivatives come here: d mean / dx = 1 / M, d inv_std / dx = -inv_std^3 (x - mean) / M.
        var scale = 1f / (x.Shape.Count / x.Shape[1]);
        var channels = Convolution.ChannelShape(x.Shape[1], x.Shape.Rank);
        if (context.GradOutput(1) is { } gradMean) Add(Pointwise.Expand(PerChannel(gradMean) * scale, x));
        if (context.GradOutput(2) is { } gradInvStd)
        {
            var invStd = PerChannel(Outputs[2]);
            Add((x - PerChannel(Outputs[1])) * (PerChannel(gradInvStd) * (invStd * invStd * invStd) * -scale));
        }

        return gradients;

        Value PerChannel(Value value) => Reshape.To(value, channels);

        void Add(Value term) => gradients[0] = gradients[0] is { } sum ? sum + term : term;
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

    // With n = (x - mean) r, and per channel S = sum g, P = sum g n over its M elements:
    // grad_input = w r (g - S/M - n P/M), grad_weight = P, grad_bias = S, whose own gradients are G, a, b.
    // mean and r are inputs like the others: the forward operator knows how they depend on x.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[5];
        var (x, gradOutput) = (Inputs[0]!, Inputs[4]!);
        var channels = Convolution.ChannelShape(x.Shape[1], x.Shape.Rank);
        var (weight, invStd) = (PerChannel(Inputs[1]!), PerChannel(Inputs[3]!));
        var centred = x - PerChannel(Inputs[2]!);
        var normal = centred * invStd;
        var scale = 1f / (x.Shape.Count / x.Shape[1]);
        Value? byNormal = null, byInvStd = null;
        if (context.GradOutput(0) is { } outer)
        {
            // It is symmetric in g and G: G goes through the same operator, without the weight, which may be 0.
            var one = Pointwise.Expand(Graph.Constant(1f), Inputs[1]!);
            var symmetric = Graph.Add(new BatchNormBackwardNode(x, one, Inputs[2]!, Inputs[3]!, outer, Epsilon));
            gradients[4] = symmetric.Outputs[0] * weight;
            var product = Sum(symmetric.Outputs[0] * gradOutput);
            if (context.Needs(1)) gradients[1] = Reshape.To(product, Inputs[1]!.Shape);
            byInvStd = product * weight / invStd;
            byNormal = (gradOutput * PerChannel(symmetric.Outputs[1]) + outer * PerChannel(Outputs[1])) * (weight * invStd * -scale);
        }

        if (context.GradOutput(1) is { } gradGradWeight)
        {
            var a = PerChannel(gradGradWeight);
            byNormal = byNormal is null ? gradOutput * a : byNormal + gradOutput * a;
            gradients[4] = gradients[4] is { } first ? first + normal * a : normal * a;
        }

        if (context.GradOutput(2) is { } gradGradBias)
            gradients[4] = gradients[4] is { } first ? first + PerChannel(gradGradBias) : Pointwise.Expand(PerChannel(gradGradBias), x);
        if (byNormal is null) return gradients;
        if (context.Needs(0)) gradients[0] = byNormal * invStd;
        if (context.Needs(2)) gradients[2] = Reshape.To(-Sum(byNormal * invStd), Inputs[2]!.Shape);
        if (context.Needs(3))
        {
            var sum = Sum(byNormal * centred);
            gradients[3] = Reshape.To(byInvStd is null ? sum : byInvStd + sum, Inputs[3]!.Shape);
        }

        return gradients;

        Value PerChannel(Value value) => Reshape.To(value, channels);

        Value Sum(Value value) => Reduce.SumTo(value, channels);
    }
}
