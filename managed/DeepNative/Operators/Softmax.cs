using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Softmax, its logarithm, and the cross-entropy of class labels.</summary>
public static class Softmax
{
    /// <summary>exp(x - max) / sum of exp(x - max) along an axis.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axis">The axis that sums to 1; 1 for (N, C, ...).</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Value Apply(Value x, int axis = 1) => Along("Softmax", x, axis, log: false);

    /// <summary>x - max - ln(sum of exp(x - max)) along an axis: the logarithm of <see cref="Apply"/>.</summary>
    /// <param name="x">Any shape, float32.</param>
    /// <param name="axis">The axis whose exponentials sum to 1; 1 for (N, C, ...).</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Value Log(Value x, int axis = 1) => Along("LogSoftmax", x, axis, log: true);

    /// <summary>
    /// The mean over samples and positions of weight * -ln softmax(logits)[label], in one pass with its
    /// gradient. A label outside 0 to C - 1 that is not the ignored one makes the run fail and is named.
    /// </summary>
    /// <param name="logits">(N, C) or (N, C, ...), float32.</param>
    /// <param name="labels">(N) or (N, ...), Int32.</param>
    /// <param name="weight">A factor for each label, (N) or (N, ...), float32; null: 1.</param>
    /// <param name="labelSmoothing">
    /// e, 0 to 1: the target is (1 - e) at the label and e / C at every class (Szegedy et al.: "Rethinking the
    /// Inception architecture", 2016).
    /// </param>
    /// <param name="ignoreIndex">Positions with this label add nothing and have gradient 0; null: none.</param>
    /// <param name="scale">The factor of the sum; null: 1 / number of all labels, ignored and weighted ones included.</param>
    /// <returns>The mean, or the scaled sum, of shape ().</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The label smoothing is outside 0 to 1.</exception>
    public static Value CrossEntropy(
        Value logits, Value labels, Value? weight = null, float labelSmoothing = 0f, int? ignoreIndex = null, float? scale = null)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentOutOfRangeException.ThrowIfNegative(labelSmoothing);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(labelSmoothing, 1f);
        const string Title = SoftmaxCrossEntropyNode.Title;
        var graph = logits.Graph;
        graph.CheckDType(Title, "logits", logits, DType.Float32);
        graph.CheckDType(Title, "labels", labels, DType.Int32);
        if (logits.Shape.Rank < 2 || logits.Shape.Count == 0)
        {
            throw graph.Mismatch(
                Title, "(N, C, ...), not empty", $"{logits.Shape}",
                $"logits are {logits.Shape}, expected (N, C, ...) with one or more elements");
        }

        var shape = logits.Shape.Until(1).Concat(logits.Shape.From(2));
        if (labels.Shape != shape)
        {
            throw graph.Mismatch(
                Title, shape.ToString(), labels.Shape.ToString(),
                $"labels are {labels.Shape}, expected {shape}; logits are {logits.Shape}");
        }

        if (weight is not null)
        {
            graph.CheckDType(Title, "weight", weight, DType.Float32);
            graph.CheckShape(Title, "weight", weight, shape);
        }

        return graph.Add(new SoftmaxCrossEntropyNode(logits, labels, weight, scale ?? 1f / shape.Count, labelSmoothing, ignoreIndex)).Outputs[0];
    }

    private static Value Along(string title, Value x, int axis, bool log)
    {
        ArgumentNullException.ThrowIfNull(x);
        x.Graph.CheckDType(title, "input", x, DType.Float32);
        if (axis < 0 || axis >= x.Shape.Rank)
            throw x.Graph.Mismatch(title, $"an axis from 0 to {x.Shape.Rank - 1}", $"axis {axis}", $"axis {axis} does not exist; input is {x.Shape}");
        return x.Graph.Add(new SoftmaxNode(x, axis, log)).Outputs[0];
    }
}

internal sealed class SoftmaxNode : Node
{
    public SoftmaxNode(Value x, int axis, bool log)
        : base(x.Graph, x)
    {
        Axis = axis;
        Log = log;
        AddOutput(DType.Float32, x.Shape);
    }

    public int Axis { get; }

    public bool Log { get; }

    public override string OperatorName => Log ? "LogSoftmax" : "Softmax";

    public override object? Attributes => (Axis, Log);

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradOutput ? Graph.Add(new SoftmaxBackwardNode(Outputs[0], gradOutput, Axis, Log)).Outputs[0] : null];

    public override void Emit(ProgramWriter writer) => Emit(writer, this, Direction.Forward, Axis, Log);

    public static void Emit(ProgramWriter writer, Node node, Direction direction, int axis, bool log)
    {
        var attributes = new SoftmaxAttributes { Direction = direction, Axis = axis, Log = log ? 1 : 0 };
        writer.Add(node, OperatorKind.Softmax, attributes);
    }
}

/// <summary>Inputs y, grad_output; output grad_input.</summary>
internal sealed class SoftmaxBackwardNode : Node
{
    public SoftmaxBackwardNode(Value y, Value gradOutput, int axis, bool log)
        : base(y.Graph, y, gradOutput)
    {
        Axis = axis;
        Log = log;
        AddOutput(DType.Float32, y.Shape);
    }

    public int Axis { get; }

    public bool Log { get; }

    public override string OperatorName => Log ? "LogSoftmax" : "Softmax";

    public override object? Attributes => (Axis, Log);

    // With the gradient G of grad_input = y (g - sum(g y)), or g - exp(y) sum(g) of the logarithm.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[2];
        if (context.GradOutput(0) is not { } outer) return gradients;
        var (y, gradOutput) = (Inputs[0]!, Inputs[1]!);
        if (Log)
        {
            var exponential = Pointwise.Exp(y);
            if (context.Needs(0)) gradients[0] = -(outer * exponential * Sum(gradOutput));
            if (context.Needs(1)) gradients[1] = outer - Sum(outer * exponential);
        }
        else
        {
            if (context.Needs(0)) gradients[0] = outer * (gradOutput - Sum(gradOutput * y)) - gradOutput * Sum(outer * y);
            if (context.Needs(1)) gradients[1] = Graph.Add(new SoftmaxBackwardNode(y, outer, Axis, Log)).Outputs[0];
        }

        return gradients;

        Value Sum(Value value) => Reduce.Sum(value, [Axis], keepDims: true);
    }

    public override void Emit(ProgramWriter writer) => SoftmaxNode.Emit(writer, this, Direction.BackwardData, Axis, Log);
}

/// <summary>Inputs logits, labels, [weight]; outputs loss, [grad_logits].</summary>
internal sealed class SoftmaxCrossEntropyNode : Node
{
    public const string Title = "CrossEntropy";

    public SoftmaxCrossEntropyNode(Value logits, Value labels, Value? weight, float scale, float labelSmoothing, int? ignoreIndex)
        : base(logits.Graph, weight is null ? [logits, labels] : [logits, labels, weight])
    {
        Scale = scale;
        LabelSmoothing = labelSmoothing;
        IgnoreIndex = ignoreIndex;
        AddOutput(DType.Float32, Shape.Scalar);
        AddOutput(DType.Float32, logits.Shape);
    }

    public float Scale { get; }

    public float LabelSmoothing { get; }

    public int? IgnoreIndex { get; }

    public override string OperatorName => Title;

    public override object? Attributes => (Scale, LabelSmoothing, IgnoreIndex);

    public override bool IsOptional(int output) => output == 1;

    // The gradient is there already; a loss that is the end of the graph has the factor 1, which disappears.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[Inputs.Count];
        var (gradLoss, gradGradient) = (context.GradOutput(0), context.GradOutput(1));
        if (gradLoss is not null) gradients[0] = Outputs[1] * gradLoss;
        if (gradGradient is not null && context.Needs(0))
        {
            var second = SecondDerivative(gradGradient);
            gradients[0] = gradients[0] is { } first ? first + second : second;
        }

        if (context.Needs(2)) gradients[2] = WeightDerivative(gradLoss, gradGradient);
        return gradients;
    }

    // grad_logits = scale * weight * (softmax - target), of which only the softmax depends on the logits.
    private Value SecondDerivative(Value gradGradient)
    {
        var softmax = Softmax.Apply(Inputs[0]!);
        var second = Graph.Add(new SoftmaxBackwardNode(softmax, gradGradient, 1, log: false)).Outputs[0] * Scale;
        if (Inputs.Count > 2) second *= PerPosition(Inputs[2]!);
        return IgnoreIndex is null ? second : Pointwise.Select(PerPosition(Counted()), second, Graph.Constant(0f));
    }

    // Both outputs are linear in the weight: its factors are what there would be without it.
    private Value WeightDerivative(Value? gradLoss, Value? gradGradient)
    {
        var logits = Inputs[0]!;
        var labels = Inputs[1]!;
        var unweighted = Graph.Add(new SoftmaxCrossEntropyNode(logits, labels, weight: null, Scale, LabelSmoothing, IgnoreIndex)).Outputs[1];
        Value? sum = null;
        if (gradGradient is not null) sum = Reduce.Sum(gradGradient * unweighted, [1]);
        if (gradLoss is not null)
        {
            // unweighted / scale = softmax - target, which is largest at the label and the same elsewhere.
            var elsewhere = LabelSmoothing / logits.Shape[1];
            var isLabel = Pointwise.Greater(Softmax.Apply(logits) - unweighted * (1 / Scale), Graph.Constant(elsewhere + 0.5f * (1 - LabelSmoothing)));
            var negative = -Softmax.Log(logits);
            var losses = Reduce.Sum(Pointwise.Select(isLabel, negative, Graph.Constant(0f)), [1]) * (1 - LabelSmoothing);
            if (LabelSmoothing > 0) losses += Reduce.Sum(negative, [1]) * elsewhere;
            losses *= gradLoss * Scale;
            if (IgnoreIndex is not null) losses = Pointwise.Select(Counted(), losses, Graph.Constant(0f));
            sum = sum is null ? losses : sum + losses;
        }

        return sum ?? throw new InvalidOperationException("no output of the loss is asked for.");
    }

    // 1 where the label is not the ignored one.
    private Value Counted() => Pointwise.NotEqual(Inputs[1]!, Graph.Constant(IgnoreIndex!.Value));

    private Value PerPosition(Value value) => Reshape.To(value, Inputs[0]!.Shape.With(1, 1));

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new SoftmaxCrossEntropyAttributes
        {
            Scale = Scale,
            LabelSmoothing = LabelSmoothing,
            Ignore = IgnoreIndex is null ? 0 : 1,
            IgnoreIndex = IgnoreIndex ?? 0,
        };
        writer.Add(this, OperatorKind.SoftmaxCrossEntropy, attributes);
    }
}
