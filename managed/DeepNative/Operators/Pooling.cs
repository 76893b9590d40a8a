using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Pooling over one, two or three spatial axes of (N, C, spatial...), float32.</summary>
/// <remarks>
/// Output extent P = (H + padding - kernel) / stride + 1, rounded down, or up in
/// <see cref="PoolGeometry.CeilMode"/>. All throw <see cref="ShapeException"/> when a
/// window is larger than the padded input or would lie wholly in the padding.
/// </remarks>
public static class Pooling
{
    /// <summary>The maximum of each window; outside counts as minus infinity; NaN wins. Of equal maxima the first gets the gradient.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="geometry">The window.</param>
    /// <returns>(N, C, P, Q).</returns>
    public static Value MaxPool2d(Value x, PoolGeometry geometry) => TwoDimensional(PoolingMode.Max, x, geometry);

    /// <summary><see cref="Max"/>, and where in its window each maximum stands.</summary>
    /// <param name="x">(N, C, spatial...).</param>
    /// <param name="geometry">The window.</param>
    /// <returns>
    /// The maxima, and as large their taps: positions in the window, counted row-major; <see cref="DType.UInt8"/>
    /// where the window has at most 256 positions, else <see cref="DType.Int32"/>.
    /// </returns>
    public static (Value Y, Value Taps) MaxWithTaps(Value x, PoolGeometry geometry)
    {
        var y = Max(x, geometry);
        return (y, y.Producer!.Outputs[1]);
    }

    /// <summary><see cref="MaxWithTaps"/> of images.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="geometry">The window.</param>
    /// <returns>The maxima and their taps, (N, C, P, Q).</returns>
    public static (Value Y, Value Taps) MaxPool2dWithTaps(Value x, PoolGeometry geometry)
    {
        var y = MaxPool2d(x, geometry);
        return (y, y.Producer!.Outputs[1]);
    }

    /// <summary>
    /// Puts each element back where its maximum stood; elsewhere the output is 0 (Zeiler, Fergus: "Visualizing and
    /// understanding convolutional networks", 2014).
    /// </summary>
    /// <remarks>
    /// It is max pooling's derivative applied to <paramref name="x"/>, so elements that overlapping windows put to
    /// one place add up; PyTorch keeps one of them. A tap that names no element of the output counts for nothing.
    /// </remarks>
    /// <param name="x">(N, C, P, Q), float32.</param>
    /// <param name="taps">(N, C, P, Q), of <see cref="MaxPool2dWithTaps"/> with the same geometry.</param>
    /// <param name="geometry">The window of the max pooling.</param>
    /// <param name="outputSize">(H, W) of the max pooling's input; null: the smallest that fits.</param>
    /// <returns>(N, C, H, W).</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public static Value MaxUnpool2d(Value x, Value taps, PoolGeometry geometry, Shape? outputSize = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        x.Graph.CheckRank("MaxUnpool2d", "input", x, 4);
        return MaxUnpool(x, taps, geometry, outputSize);
    }

    /// <summary><see cref="MaxUnpool2d"/> over as many spatial axes as the input has.</summary>
    /// <param name="x">(N, C, spatial...), float32.</param>
    /// <param name="taps">As large, of <see cref="MaxWithTaps"/> with the same geometry.</param>
    /// <param name="geometry">The window of the max pooling.</param>
    /// <param name="outputSize">The spatial extents of the max pooling's input; null: the smallest that fit.</param>
    /// <returns>(N, C, spatial...).</returns>
    /// <exception cref="ShapeException">The shapes or data types do not fit.</exception>
    public static Value MaxUnpool(Value x, Value taps, PoolGeometry geometry, Shape? outputSize = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(taps);
        ArgumentNullException.ThrowIfNull(geometry);
        var graph = x.Graph;
        var rank = SpatialRank("MaxUnpool", x);
        var name = $"MaxUnpool{rank}d";
        graph.CheckDType(name, "input", x, DType.Float32);
        var shape = x.Shape;
        if (outputSize is { } size)
        {
            if (size.Rank != rank)
                throw graph.Mismatch(name, $"{rank} extents", $"{size.Rank} extents", $"outputSize is {size}, expected {rank} extents; input is {x.Shape}");
            shape = x.Shape.Until(2).Concat(size);
        }
        else
        {
            var smallest = PoolWindow.Of(graph, name, PoolingMode.Max, geometry with { CeilMode = false }, shape);
            for (var axis = 0; axis < rank; axis++)
                shape = shape.With(axis + 2, Math.Max(1, smallest.InputExtent(axis, x.Shape[axis + 2])));
        }

        var window = PoolWindow.Of(graph, name, PoolingMode.Max, geometry, shape);
        graph.CheckDType(name, "taps", taps, window.TapType);
        graph.CheckShape(name, "taps", taps, x.Shape);
        var pooled = window.OutputShape(graph, name, shape);
        if (pooled != x.Shape)
        {
            throw graph.Mismatch(
                name, $"{pooled}", $"{x.Shape}",
                $"input is {x.Shape}, but max pooling {shape} gives {pooled}; kernel {window.Kernel}, stride {window.Stride}, "
                + $"padding {window.PaddingBegin} and {window.PaddingEnd}");
        }

        return graph.Add(new PoolingBackwardNode(name, x, taps, window, shape)).Outputs[0];
    }

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
    public static Value GlobalAvgPool(Value x) => Global("GlobalAvgPool", PoolingMode.Average, x);

    /// <summary>The maximum over all spatial axes, which stay with extent 1; NaN wins. Of equal maxima the first gets the gradient.</summary>
    /// <param name="x">(N, C, spatial...).</param>
    /// <returns>(N, C, 1...).</returns>
    public static Value GlobalMaxPool(Value x) => Global("GlobalMaxPool", PoolingMode.Max, x);

    private static Value Global(string name, PoolingMode mode, Value x)
    {
        ArgumentNullException.ThrowIfNull(x);
        var rank = SpatialRank(name, x);
        var (one, none) = (Fill(rank, 1), Fill(rank, 0));
        var kernel = x.Shape.From(2);
        if (kernel.Count == 0)
            throw x.Graph.Mismatch(name, "one or more elements", "none", $"there is nothing to pool; input is {x.Shape}");
        var window = new PoolWindow(mode, kernel, one, none, none);
        return x.Graph.Add(new PoolingNode(name, x, window, x.Shape.Until(2).Concat(one))).Outputs[0];
    }

    /// <summary>
    /// The mean of the part of the input that belongs to each output: elements floor(p * H / P) to
    /// ceil((p + 1) * H / P) - 1 along each spatial axis. Parts overlap where P does not divide H.
    /// </summary>
    /// <param name="x">(N, C, spatial...), with one to three spatial axes.</param>
    /// <param name="size">The output's spatial extents, each at least 1.</param>
    /// <returns>(N, C, size...).</returns>
    /// <exception cref="ShapeException">The input has another rank or an empty spatial axis, or a size is below 1.</exception>
    public static Value AdaptiveAverage(Value x, PerAxis size)
    {
        var extents = Resize.SizeOf(x, size);
        var (window, shape) = (x.Shape.From(2), x.Shape.Until(2).Concat(extents));
        for (var axis = 0; axis < extents.Rank; axis++)
        {
            if (window[axis] % extents[axis] != 0) return Resize.Area(x, size);
            window = window.With(axis, window[axis] / extents[axis]);
        }

        // Windows side by side: an ordinary pooling, for which devices have faster kernels.
        if (window.Count == 1) return x;
        var none = Fill(extents.Rank, 0);
        return x.Graph.Add(new PoolingNode("AdaptiveAvgPool", x, new PoolWindow(PoolingMode.Average, window, window, none, none), shape)).Outputs[0];
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
        var window = PoolWindow.Of(graph, name, mode, geometry, x.Shape);
        var shape = window.OutputShape(graph, name, x.Shape);
        if (mode == PoolingMode.AveragePadded && geometry.CeilMode)
        {
            // What rounding up added never counts: zeros for the padding that does, and only that is inside.
            var (begin, end) = (window.PaddingBegin, PoolWindow.Of(graph, name, mode, geometry with { CeilMode = false }, x.Shape).PaddingEnd);
            if (end != window.PaddingEnd)
            {
                x = Padded(x, begin, end);
                var rest = window.PaddingEnd;
                for (var axis = 0; axis < rank; axis++) rest = rest.With(axis, rest[axis] - end[axis]);
                window = window with { Mode = PoolingMode.Average, PaddingBegin = Fill(rank, 0), PaddingEnd = rest };
            }
        }

        return graph.Add(new PoolingNode(name, x, window, shape)).Outputs[0];
    }

    // Zeros around the spatial axes.
    private static Value Padded(Value x, Shape begin, Shape end)
    {
        var none = new Shape(0, 0);
        return Pad.Constant(x, none.Concat(begin).ToArray(), none.Concat(end).ToArray());
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
    // As the engine: one byte where the window's positions fit in it.
    private const int ByteTaps = 256;

    public DType TapType => Kernel.Count <= ByteTaps ? DType.UInt8 : DType.Int32;

    public static PoolWindow Of(Graph graph, string operatorName, PoolingMode mode, PoolGeometry geometry, Shape x)
    {
        var rank = x.Rank - 2;
        var window = new PoolWindow(
            mode,
            geometry.Kernel.Resolve(graph, operatorName, "kernel", rank, 1),
            geometry.Stride.Resolve(graph, operatorName, "stride", rank, 1),
            geometry.PaddingBegin.Resolve(graph, operatorName, "padding", rank, 0),
            geometry.PaddingEnd.Resolve(graph, operatorName, "padding", rank, 0));
        return geometry.CeilMode ? window.RoundedUp(x) : window;
    }

    /// <summary>The smallest input extent that gives this output extent; may be below 1.</summary>
    public long InputExtent(int axis, long output) =>
        (output - 1) * Stride[axis] + Kernel[axis] - PaddingBegin[axis] - PaddingEnd[axis];

    // More padding at the end for one more window, unless that begins behind the input.
    private PoolWindow RoundedUp(Shape x)
    {
        var end = PaddingEnd;
        for (var axis = 0; axis < Kernel.Rank; axis++)
        {
            var rest = x[axis + 2] + PaddingBegin[axis] + PaddingEnd[axis] - Kernel[axis];
            if (rest < 0) continue;
            var last = (rest + Stride[axis] - 1) / Stride[axis] * Stride[axis];
            if (last < x[axis + 2] + PaddingBegin[axis]) end = end.With(axis, end[axis] + last - rest);
        }

        return this with { PaddingEnd = end };
    }

    /// <summary>The shape of the windows' results.</summary>
    public Shape OutputShape(Graph graph, string operatorName, Shape x)
    {
        var shape = x;
        for (var axis = 0; axis < Kernel.Rank; axis++)
        {
            var extent = x[axis + 2];
            var slack = extent + PaddingBegin[axis] + PaddingEnd[axis] - Kernel[axis];
            var count = slack < 0 ? 0 : slack / Stride[axis] + 1;
            if (count < 1)
            {
                throw graph.Mismatch(
                    operatorName, "a window inside the padded input", $"{x}",
                    $"the window {Kernel} does not fit on axis {axis + 2}; "
                    + $"input is {x}, padding {PaddingBegin} and {PaddingEnd}");
            }

            var last = (count - 1) * Stride[axis] - PaddingBegin[axis];
            if (PaddingBegin[axis] >= Kernel[axis] || last >= extent)
            {
                throw graph.Mismatch(
                    operatorName, "padding below the kernel", $"padding {PaddingBegin} and {PaddingEnd}",
                    $"a window lies wholly in the padding of axis {axis + 2}; "
                    + $"kernel {Kernel}, padding {PaddingBegin} and {PaddingEnd}, input is {x}");
            }

            shape = shape.With(axis + 2, count);
        }

        return shape;
    }

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
    private readonly string _operatorName;

    public PoolingNode(string operatorName, Value x, PoolWindow window, Shape shape)
        : base(x.Graph, x)
    {
        _operatorName = operatorName;
        Window = window;
        AddOutput(DType.Float32, shape);
        if (window.Mode == PoolingMode.Max) AddOutput(window.TapType, shape);
    }

    public PoolWindow Window { get; }

    public override string OperatorName => _operatorName;

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Pooling);

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

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.Pooling, Backward: true);

    public override object? Attributes => (Window, Outputs[0].Shape);

    // Linear: an average's derivative is the average again, a maximum's takes what stands at the taps.
    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradOutput) return new Value?[Inputs.Count];
        if (Window.Mode == PoolingMode.Max)
            return [Graph.Add(new PoolingTapNode(OperatorName, gradOutput, Inputs[1]!, Window with { Mode = PoolingMode.Tap }, Inputs[0]!.Shape)).Outputs[0], null];
        return [Graph.Add(new PoolingNode(OperatorName, gradOutput, Window, Inputs[0]!.Shape)).Outputs[0]];
    }

    public override void Emit(ProgramWriter writer) => Window.Emit(writer, this, Direction.BackwardData);
}

/// <summary>What stands at a given tap of each window: inputs x, taps; output y.</summary>
internal sealed class PoolingTapNode : Node
{
    private readonly string _operatorName;

    public PoolingTapNode(string operatorName, Value x, Value taps, PoolWindow window, Shape shape)
        : base(x.Graph, x, taps)
    {
        _operatorName = operatorName;
        Window = window;
        AddOutput(DType.Float32, shape);
    }

    public PoolWindow Window { get; }

    public override string OperatorName => _operatorName;

    public override object? Attributes => Window;

    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(0) is not { } gradOutput) return new Value?[2];
        return [Graph.Add(new PoolingBackwardNode(OperatorName, gradOutput, Inputs[1]!, Window with { Mode = PoolingMode.Max }, Inputs[0]!.Shape)).Outputs[0], null];
    }

    public override void Emit(ProgramWriter writer) => Window.Emit(writer, this, Direction.Forward);
}
