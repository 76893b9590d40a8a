using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Normalisation of each sample by itself: group normalisation (Wu, He: "Group normalization", 2018), and
/// its ends layer normalisation (Ba, Kiros, Hinton: "Layer normalization", 2016) and instance
/// normalisation (Ulyanov, Vedaldi, Lempitsky: "Instance normalization", 2016).
/// </summary>
public static class GroupNorm
{
    private const string Title = "GroupNorm";

    /// <summary>
    /// y = (x - mean) / sqrt(var + epsilon) * weight + bias, with mean and biased variance over each group
    /// of C / groups neighbouring channels and all their positions, for each sample.
    /// </summary>
    /// <param name="x">(N, C, ...), float32.</param>
    /// <param name="groups">How many groups the channels form; it divides C.</param>
    /// <param name="weight">(C); null: 1.</param>
    /// <param name="bias">(C); null: 0.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <returns>The shape of x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or a group has no elements.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Groups is below 1, or epsilon is not above 0.</exception>
    public static Value Apply(Value x, int groups, Value? weight = null, Value? bias = null, float epsilon = 1e-5f)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        if (x.Shape.Rank < 2)
        {
            throw x.Graph.Mismatch(
                Title, "rank 2 or more", $"rank {x.Shape.Rank}",
                $"input has rank {x.Shape.Rank}, expected (N, C, ...); input is {x.Shape}");
        }

        if (x.Shape[1] % groups != 0)
        {
            throw x.Graph.Mismatch(
                Title, $"a multiple of {groups} channels", $"{x.Shape[1]} channels",
                $"input has {x.Shape[1]} channels, expected a multiple of {groups} groups; input is {x.Shape}");
        }

        return Add(Title, x, axis: 1, groups, weight, bias, epsilon, new Shape(x.Shape[1]));
    }

    /// <summary>
    /// y = (x - mean) / sqrt(var + epsilon) * weight + bias, with mean and biased variance over the last axes.
    /// </summary>
    /// <param name="x">Any shape that ends with normalizedShape, float32.</param>
    /// <param name="normalizedShape">The extents of the axes to normalise over; one or more.</param>
    /// <param name="weight">Of normalizedShape; null: 1.</param>
    /// <param name="bias">Of normalizedShape; null: 0.</param>
    /// <param name="epsilon">Added to the variance, above 0.</param>
    /// <returns>The shape of x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or there is nothing to normalise over.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Epsilon is not above 0.</exception>
    public static Value Layer(Value x, Shape normalizedShape, Value? weight = null, Value? bias = null, float epsilon = 1e-5f)
    {
        const string LayerTitle = "LayerNorm";
        ArgumentNullException.ThrowIfNull(x);
        var leading = x.Shape.Rank - normalizedShape.Rank;
        if (normalizedShape.Rank == 0 || leading < 0 || x.Shape.From(leading) != normalizedShape)
        {
            throw x.Graph.Mismatch(
                LayerTitle, $"a shape that ends with {normalizedShape}", $"{x.Shape}",
                $"input is {x.Shape}, expected a shape that ends with {normalizedShape}");
        }

        var count = normalizedShape.Count;
        var rows = Reshape.To(x, new Shape(x.Shape.Until(leading).Count, count));
        return Reshape.To(Add(LayerTitle, rows, axis: 1, groups: 1, weight, bias, epsilon, normalizedShape), x.Shape);
    }

    private static Value Add(
        string title, Value x, int axis, int groups, Value? weight, Value? bias, float epsilon, Shape parameters)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        var graph = x.Graph;
        graph.CheckDType(title, "input", x, DType.Float32);
        if (x.Shape.From(1).Count == 0)
        {
            throw graph.Mismatch(
                title, "one or more elements a group", "none", $"there is nothing to normalise; input is {x.Shape}");
        }

        return graph.Add(new GroupNormNode(x, Parameter("weight", weight), Parameter("bias", bias), axis, groups, epsilon)).Outputs[0];

        Value? Parameter(string operand, Value? value)
        {
            if (value is null) return null;
            graph.CheckDType(title, operand, value, DType.Float32);
            graph.CheckShape(title, operand, value, parameters);
            return Reshape.To(value, new Shape(parameters.Count));
        }
    }
}

/// <summary>Inputs x, weight or null, bias or null; outputs y, mean, inv_std.</summary>
internal sealed class GroupNormNode : Node
{
    public GroupNormNode(Value x, Value? weight, Value? bias, int axis, int groups, float epsilon)
        : base(x.Graph, x, weight, bias)
    {
        (Axis, Groups, Epsilon) = (axis, groups, epsilon);
        AddOutput(DType.Float32, x.Shape);
        var statistics = new Shape(x.Shape.Until(axis).Count, groups);
        AddOutput(DType.Float32, statistics);
        AddOutput(DType.Float32, statistics);
    }

    public int Axis { get; }

    public int Groups { get; }

    public float Epsilon { get; }

    public override string OperatorName => "GroupNorm";

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.GroupNorm);

    public override object? Attributes => (Axis, Groups, Epsilon);

    public override bool IsOptional(int output) => output > 0;

    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[3];
        var view = new GroupView(Inputs[0]!.Shape, Axis, Groups);
        if (context.GradOutput(0) is { } gradOutput)
        {
            var node = Graph.Add(new GroupNormBackwardNode(
                Inputs[0]!, Inputs[1], Outputs[1], Outputs[2], gradOutput, Axis, Groups, Epsilon));
            gradients[0] = node.Outputs[0];
            if (context.Needs(1)) gradients[1] = node.Outputs[1];
            if (context.Needs(2)) gradients[2] = node.Outputs[2];
        }

        // Second derivatives come here: d mean / dx = 1 / M, d inv_std / dx = -inv_std^3 (x - mean) / M.
        Value? statistics = null;
        if (context.GradOutput(1) is { } gradMean) statistics = view.Statistic(gradMean) * (1f / view.Size);
        if (context.GradOutput(2) is { } gradInvStd)
        {
            var invStd = view.Statistic(Outputs[2]);
            var factor = view.Statistic(gradInvStd) * (invStd * invStd * invStd) * (-1f / view.Size);
            var term = (view.Split(Inputs[0]!) - view.Statistic(Outputs[1])) * factor;
            statistics = statistics is null ? term : term + statistics;
        }

        if (statistics is null) return gradients;
        var full = Reshape.To(Pointwise.Expand(statistics, view.Split(Inputs[0]!)), Inputs[0]!.Shape);
        gradients[0] = gradients[0] is { } first ? first + full : full;
        return gradients;
    }

    public override void Emit(ProgramWriter writer) => Emit(writer, this, Direction.Forward, Axis, Groups, Epsilon);

    public static void Emit(ProgramWriter writer, Node node, Direction direction, int axis, int groups, float epsilon)
    {
        var attributes = new GroupNormAttributes { Direction = direction, Axis = axis, Groups = groups, Epsilon = epsilon };
        writer.Add(node, OperatorKind.GroupNorm, attributes);
    }
}

/// <summary>Inputs x, weight or null, mean, inv_std, grad_output; outputs grad_input, grad_weight, grad_bias.</summary>
internal sealed class GroupNormBackwardNode : Node
{
    public GroupNormBackwardNode(
        Value x, Value? weight, Value mean, Value invStd, Value gradOutput, int axis, int groups, float epsilon)
        : base(x.Graph, x, weight, mean, invStd, gradOutput)
    {
        (Axis, Groups, Epsilon) = (axis, groups, epsilon);
        AddOutput(DType.Float32, x.Shape);
        var perChannel = new Shape(x.Shape[axis]);
        AddOutput(DType.Float32, perChannel);
        AddOutput(DType.Float32, perChannel);
    }

    public int Axis { get; }

    public int Groups { get; }

    public float Epsilon { get; }

    public override string OperatorName => "GroupNorm";

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.GroupNorm, Backward: true, Inputs: 1 | 1 << 4);

    public override object? Attributes => (Axis, Groups, Epsilon);

    public override bool IsOptional(int output) => output > 0;

    // With n = (x - mean) r, h = g w, and per group H = sum h, P = sum h n over its M elements:
    // grad_input = r (h - H/M - n P/M), grad_weight = sum g n, grad_bias = sum g, whose own gradients are G, a, b.
    // mean and r are inputs like the others: the forward operator knows how they depend on x.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[5];
        var (x, weight) = (Inputs[0]!, Inputs[1]);
        var view = new GroupView(x.Shape, Axis, Groups);
        var (mean, invStd) = (view.Statistic(Inputs[2]!), view.Statistic(Inputs[3]!));
        var gradOutput = view.Split(Inputs[4]!);
        var centred = view.Split(x) - mean;
        var normal = centred * invStd;
        var scale = 1f / view.Size;
        Value? byNormal = null, byGradOutput = null, byInvStd = null;
        if (context.GradOutput(0) is { } outer)
        {
            // It is symmetric in g w and G: G goes through the same operator.
            var u = view.Split(Graph.Add(new GroupNormBackwardNode(x, null, Inputs[2]!, Inputs[3]!, outer, Axis, Groups, Epsilon)).Outputs[0]);
            var h = weight is null ? gradOutput : gradOutput * view.Channel(weight);
            var g = view.Split(outer);
            byGradOutput = weight is null ? u : u * view.Channel(weight);
            if (weight is not null && context.Needs(1)) gradients[1] = view.SumToChannels(u * gradOutput);
            byInvStd = GroupView.SumToStatistics(u * h) / invStd;
            byNormal = (h * GroupView.SumToStatistics(g * normal) + g * GroupView.SumToStatistics(h * normal)) * (invStd * -scale);
        }

        if (context.GradOutput(1) is { } gradGradWeight)
        {
            var a = view.Channel(gradGradWeight);
            byNormal = Sum(byNormal, gradOutput * a);
            byGradOutput = Sum(byGradOutput, normal * a);
        }

        if (context.GradOutput(2) is { } gradGradBias) byGradOutput = Sum(byGradOutput, view.Channel(gradGradBias));
        if (byGradOutput is not null && context.Needs(4))
            gradients[4] = Reshape.To(Pointwise.Expand(byGradOutput, gradOutput), x.Shape);
        if (byNormal is null) return gradients;
        var byX = byNormal * invStd;
        if (context.Needs(0)) gradients[0] = Reshape.To(byX, x.Shape);
        if (context.Needs(2)) gradients[2] = Reshape.To(-GroupView.SumToStatistics(byX), Inputs[2]!.Shape);
        if (context.Needs(3)) gradients[3] = Reshape.To(Sum(byInvStd, GroupView.SumToStatistics(byNormal * centred)), Inputs[3]!.Shape);
        return gradients;

        static Value Sum(Value? left, Value right) => left is null ? right : left + right;
    }

    public override void Emit(ProgramWriter writer) =>
        GroupNormNode.Emit(writer, this, Direction.BackwardData, Axis, Groups, Epsilon);
}

/// <summary>x as (outer, groups, channels of a group, inner), and what broadcasts with it.</summary>
internal readonly struct GroupView
{
    private readonly Shape _split;
    private readonly long _channels;

    public GroupView(Shape shape, int axis, int groups)
    {
        _channels = shape[axis];
        _split = new Shape(shape.Until(axis).Count, groups, _channels / groups, shape.From(axis + 1).Count);
    }

    /// <summary>Elements of a group.</summary>
    public long Size => _split[2] * _split[3];

    public Value Split(Value x) => Reshape.To(x, _split);

    public Value Statistic(Value value) => Reshape.To(value, new Shape(_split[0], _split[1], 1, 1));

    public Value Channel(Value value) => Reshape.To(value, new Shape(1, _split[1], _split[2], 1));

    public static Value SumToStatistics(Value value) => Reduce.Sum(value, [2, 3], keepDims: true);

    public Value SumToChannels(Value value) => Reshape.To(Reduce.Sum(value, [0, 3]), new Shape(_channels));
}
