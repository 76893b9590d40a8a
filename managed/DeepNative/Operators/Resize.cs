using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Other spatial extents for (N, C, spatial...), with one to three spatial axes.</summary>
/// <remarks>All have gradients, any number of times. A size equal to the input's gives the input.</remarks>
public static class Resize
{
    /// <summary>y[p] = x[floor(p * H / P)] along each spatial axis, from H to P elements.</summary>
    /// <param name="x">(N, C, spatial...), float32.</param>
    /// <param name="size">The new extents, each at least 1.</param>
    /// <returns>(N, C, size...).</returns>
    /// <exception cref="ShapeException">The input has another rank or an empty spatial axis, or a size is below 1.</exception>
    public static Value Nearest(Value x, PerAxis size) => Apply(ResizeMode.Nearest, x, SizeOf(x, size), alignCorners: false);

    /// <summary>
    /// Linear between the two neighbours along each spatial axis: bilinear over two, trilinear over three. Output p
    /// lies at (p + 0.5) * H / P - 0.5 of the input, not below 0; with aligned corners at p * (H - 1) / (P - 1).
    /// </summary>
    /// <param name="x">(N, C, spatial...), float32.</param>
    /// <param name="size">The new extents, each at least 1.</param>
    /// <param name="alignCorners">Whether the outermost elements of input and output lie on each other.</param>
    /// <returns>(N, C, size...).</returns>
    /// <exception cref="ShapeException">The input has another rank or an empty spatial axis, or a size is below 1.</exception>
    public static Value Linear(Value x, PerAxis size, bool alignCorners = false) => Apply(ResizeMode.Linear, x, SizeOf(x, size), alignCorners);

    /// <summary>
    /// The mean over the part of the input that belongs to an output: elements floor(p * H / P) to
    /// ceil((p + 1) * H / P) - 1 along each spatial axis.
    /// </summary>
    /// <param name="x">(N, C, spatial...), float32.</param>
    /// <param name="size">The new extents, each at least 1.</param>
    /// <returns>(N, C, size...).</returns>
    /// <exception cref="ShapeException">The input has another rank or an empty spatial axis, or a size is below 1.</exception>
    public static Value Area(Value x, PerAxis size) => Apply(ResizeMode.Area, x, SizeOf(x, size), alignCorners: false);

    internal static Value Apply(ResizeMode mode, Value x, Shape size, bool alignCorners)
    {
        if (x.Shape.From(2) == size) return x;
        var coordinates = alignCorners ? ResizeCoordinates.AlignCorners : ResizeCoordinates.HalfPixel;
        return x.Graph.Add(new ResizeNode(x, mode, coordinates, x.Shape.Until(2).Concat(size))).Outputs[0];
    }

    /// <summary>The checked size; also checks the input.</summary>
    internal static Shape SizeOf(Value x, PerAxis size) => size.Resolve(x?.Graph!, ResizeNode.Title, "size", SpatialRank(x!), 1);

    /// <summary>The extents times a factor, rounded down.</summary>
    internal static Shape Scaled(Value x, double factor)
    {
        Span<long> extents = stackalloc long[SpatialRank(x)];
        for (var axis = 0; axis < extents.Length; axis++)
        {
            extents[axis] = (long)Math.Floor(x.Shape[axis + 2] * factor);
            if (extents[axis] < 1)
                throw x.Graph.Mismatch(ResizeNode.Title, "1 or more elements", "none", $"nothing is left of axis {axis + 2}; input is {x.Shape}, the scale {factor}");
        }

        return new Shape(extents);
    }

    private static int SpatialRank(Value x)
    {
        ArgumentNullException.ThrowIfNull(x);
        var graph = x.Graph;
        graph.CheckDType(ResizeNode.Title, "input", x, DType.Float32);
        if (x.Shape.Rank is < 3 or > 5 || x.Shape.From(2).Count == 0)
        {
            throw graph.Mismatch(
                ResizeNode.Title, "(N, C, spatial...) with one to three spatial axes, not empty", x.Shape.ToString(),
                $"input is {x.Shape}, expected (N, C, spatial...) with one to three spatial axes that are not empty");
        }

        return x.Shape.Rank - 2;
    }
}

/// <summary>Forward: input x; output y.</summary>
internal sealed class ResizeNode : Node
{
    public const string Title = "Resize";

    public ResizeNode(Value x, ResizeMode mode, ResizeCoordinates coordinates, Shape shape)
        : base(x.Graph, x)
    {
        Mode = mode;
        Coordinates = coordinates;
        AddOutput(DType.Float32, shape);
    }

    public ResizeMode Mode { get; }

    public ResizeCoordinates Coordinates { get; }

    public override string OperatorName => Title;

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Resize);

    public override object? Attributes => (Mode, Coordinates, Outputs[0].Shape);

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradOutput ? Graph.Add(new ResizeBackwardNode(gradOutput, Mode, Coordinates, Inputs[0]!.Shape)).Outputs[0] : null];

    public override void Emit(ProgramWriter writer) => Emit(writer, this, Direction.Forward, Mode, Coordinates);

    public static void Emit(ProgramWriter writer, Node node, Direction direction, ResizeMode mode, ResizeCoordinates coordinates)
    {
        var attributes = new ResizeAttributes
        {
            Direction = direction, Mode = mode, Coordinates = coordinates, SpatialRank = node.Outputs[0].Shape.Rank - 2,
        };
        writer.Add(node, OperatorKind.Resize, attributes);
    }
}

/// <summary>Backward: input grad_output; output grad_input.</summary>
internal sealed class ResizeBackwardNode : Node
{
    public ResizeBackwardNode(Value gradOutput, ResizeMode mode, ResizeCoordinates coordinates, Shape shape)
        : base(gradOutput.Graph, gradOutput)
    {
        Mode = mode;
        Coordinates = coordinates;
        AddOutput(DType.Float32, shape);
    }

    public ResizeMode Mode { get; }

    public ResizeCoordinates Coordinates { get; }

    public override string OperatorName => ResizeNode.Title;

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Resize, Backward: true);

    public override object? Attributes => (Mode, Coordinates, Outputs[0].Shape);

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradOutput ? Graph.Add(new ResizeNode(gradOutput, Mode, Coordinates, Inputs[0]!.Shape)).Outputs[0] : null];

    public override void Emit(ProgramWriter writer) => ResizeNode.Emit(writer, this, Direction.BackwardData, Mode, Coordinates);
}
