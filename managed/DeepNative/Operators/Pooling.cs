using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Pooling over one, two or three spatial axes of (N, C, spatial...), float32.</summary>
/// <remarks>
/// Output extent P = (H + padding - kernel) / stride + 1. All throw <see cref="ShapeException"/> when a
/// window is larger than the padded input or would lie wholly in the padding.
/// </remarks>
public static class Pooling
{
    /// <summary>The maximum of each window; outside counts as minus infinity; NaN wins. Of equal maxima the first gets the gradient.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="geometry">The window.</param>
    /// <returns>(N, C, P, Q).</returns>
    public static Value MaxPool2d(Value x, PoolGeometry geometry) => TwoDimensional(PoolingMode.Max, x, geometry);

    /// <summary>The mean of each window.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="geometry">The window.</param>
    /// <param name="countPadding">Whether padding counts as zeros; if not, only elements of the input count.</param>
    /// <returns>(N, C, P, Q).</returns>
    public static Value AvgPool2d(Value x, PoolGeometry geometry, bool countPadding = false) =>
        TwoDimensional(countPadding ? PoolingMode.AveragePadded : PoolingMode.Average, x, geometry);

    /// <summary><see cref="MaxPool2d"/> over as many spatial axes as the input has.</summary>
    /// <param name="x">(N, C, spatial...).</param>
    /// <param name="geometry">The window.</param>
    /// <returns>(N, C, spatial...).</returns>
    public static Value Max(Value x, PoolGeometry geometry) => Apply(PoolingMode.Max, x, geometry);

    /// <summary><see cref="AvgPool2d"/> over as many spatial axes as the input has.</summary>
    /// <param name="x">(N, C, spatial...).</param>
    /// <param name="geometry">The window.</param>
    /// <param name="countPadding">Whether padding counts as zeros; if not, only elements of the input count.</param>
    /// <returns>(N, C, spatial...).</returns>
    public static Value Average(Value x, PoolGeometry geometry, bool countPadding = false) =>
        Apply(countPadding ? PoolingMode.AveragePadded : PoolingMode.Average, x, geometry);

    /// <summary>The mean over all spatial axes, which stay with extent 1.</summary>
    /// <param name="x">(N, C, spatial...).</param>
    /// <returns>(N, C, 1...).</returns>
    public static Value GlobalAvgPool(Value x)
    {
        ArgumentNullException.ThrowIfNull(x);
        var rank = SpatialRank("GlobalAvgPool", x);
        var (one, none) = (Fill(rank, 1), Fill(rank, 0));
        var kernel = x.Shape.From(2);
        if (kernel.Count == 0)
            throw x.Graph.Mismatch("GlobalAvgPool", "one or more elements", "none", $"there is nothing to average; input is {x.Shape}");
        var window = new PoolWindow(PoolingMode.Average, kernel, one, none, none);
        return x.Graph.Add(new PoolingNode("GlobalAvgPool", x, window, x.Shape.Until(2).Concat(one))).Outputs[0];
    }

    private static Value TwoDimensional(PoolingMode mode, Value x, PoolGeometry geometry)
    {
        ArgumentNullException.ThrowIfNull(x);
        x.Graph.CheckRank(mode == PoolingMode.Max ? "MaxPool2d" : "AvgPool2d", "input", x, 4);
        return Apply(mode, x, geometry);
    }

    private static Value Apply(PoolingMode mode, Value x, PoolGeometry geometry)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(geometry);
        var graph = x.Graph;
        var title = mode == PoolingMode.Max ? "MaxPool" : "AvgPool";
        var rank = SpatialRank(title, x);
        var name = $"{title}{rank}d";
        graph.CheckDType(name, "input", x, DType.Float32);
        var window = new PoolWindow(
            mode,
            geometry.Kernel.Resolve(graph, name, "kernel", rank, 1),
            geometry.Stride.Resolve(graph, name, "stride", rank, 1),
            geometry.PaddingBegin.Resolve(graph, name, "padding", rank, 0),
            geometry.PaddingEnd.Resolve(graph, name, "padding", rank, 0));
        var shape = x.Shape;
        for (var axis = 0; axis < rank; axis++)
        {
            var extent = x.Shape[axis + 2];
            var slack = extent + window.PaddingBegin[axis] + window.PaddingEnd[axis] - window.Kernel[axis];
            var count = slack < 0 ? 0 : slack / window.Stride[axis] + 1;
            if (count < 1)
            {
                throw graph.Mismatch(
                    name, "a window inside the padded input", $"{x.Shape}",
                    $"the window {window.Kernel} does not fit on axis {axis + 2}; "
                    + $"input is {x.Shape}, padding {window.PaddingBegin} and {window.PaddingEnd}");
            }

            var last = (count - 1) * window.Stride[axis] - window.PaddingBegin[axis];
            if (window.PaddingBegin[axis] >= window.Kernel[axis] || last >= extent)
            {
                throw graph.Mismatch(
                    name, "padding below the kernel", $"padding {window.PaddingBegin} and {window.PaddingEnd}",
                    $"a window lies wholly in the padding of axis {axis + 2}; "
                    + $"kernel {window.Kernel}, padding {window.PaddingBegin} and {window.PaddingEnd}, input is {x.Shape}");
            }

            shape = shape.With(axis + 2, count);
        }

        return graph.Add(new PoolingNode(name, x, window, shape)).Outputs[0];
    }

    private static int SpatialRank(string name, Value x)
    {
        if (x.Shape.Rank is < 3 or > 5)
        {
            throw x.Graph.Mismatch(
                name, "rank 3 to 5", $"rank {x.Shape.Rank}",
                $"input has rank {x.Shape.Rank}, expected (N, C, spatial...) with one to three spatial axes; input is {x.Shape}");
        }

        return x.Shape.Rank - 2;
    }

    private static Shape Fill(int rank, long value)
    {
        Span<long> extents = stackalloc long[rank];
        extents.Fill(value);
        return new Shape(extents);
    }
}

/// <summary>A checked window: each shape has one entry for each spatial axis.</summary>
internal sealed record PoolWindow(PoolingMode Mode, Shape Kernel, Shape Stride, Shape PaddingBegin, Shape PaddingEnd)
{
    public void Emit(ProgramWriter writer, Node node, Direction direction)
    {
        var attributes = new PoolingAttributes { Direction = direction, Mode = Mode, SpatialRank = Kernel.Rank };
        Kernel.CopyTo(attributes.Kernel);
        Stride.CopyTo(attributes.Stride);
        PaddingBegin.CopyTo(attributes.PaddingBegin);
        PaddingEnd.CopyTo(attributes.PaddingEnd);
        writer.Add(node, OperatorKind.Pooling, attributes);
    }
}

/// <summary>Forward: input x; outputs y, and for max the winning tap of each window.</summary>
internal sealed class PoolingNode : Node
{
    // As the engine: one byte where the window's positions fit in it.
    private const int ByteTaps = 256;

    private readonly string _operatorName;

    public PoolingNode(string operatorName, Value x, PoolWindow window, Shape shape)
        : base(x.Graph, x)
    {
        _operatorName = operatorName;
        Window = window;
        AddOutput(DType.Float32, shape);
        if (window.Mode == PoolingMode.Max) AddOutput(window.Kernel.Count <= ByteTaps ? DType.UInt8 : DType.Int32, shape);
    }

    public PoolWindow Window { get; }

    public override string OperatorName => _operatorName;

    public override object? Attributes => Window;

    public override bool IsOptional(int output) => output == 1;

    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradOutput) return [null];
        var tap = Outputs.Count > 1 ? Outputs[1] : null;
        return [Graph.Add(new PoolingBackwardNode(OperatorName, gradOutput, tap, Window, Inputs[0]!.Shape)).Outputs[0]];
    }

    public override void Emit(ProgramWriter writer) => Window.Emit(writer, this, Direction.Forward);
}

/// <summary>Backward: inputs grad_output, and for max the taps; output grad_input.</summary>
internal sealed class PoolingBackwardNode : Node
{
    private readonly string _operatorName;

    public PoolingBackwardNode(string operatorName, Value gradOutput, Value? tap, PoolWindow window, Shape shape)
        : base(gradOutput.Graph, tap is null ? [gradOutput] : [gradOutput, tap])
    {
        _operatorName = operatorName;
        Window = window;
        AddOutput(DType.Float32, shape);
    }

    public PoolWindow Window { get; }

    public override string OperatorName => _operatorName;

    public override object? Attributes => (Window, Outputs[0].Shape);

    // Averages are linear, so their second derivative is the average again; a gather by tap has no operator.
    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradOutput) return new Value?[Inputs.Count];
        if (Window.Mode == PoolingMode.Max) throw NoDerivative("of a max pooling's gradient");
        return [Graph.Add(new PoolingNode(OperatorName, gradOutput, Window, Inputs[0]!.Shape)).Outputs[0]];
    }

    public override void Emit(ProgramWriter writer) => Window.Emit(writer, this, Direction.BackwardData);
}
