namespace DeepNative.Operators;

/// <summary>
/// Convolution (cross-correlation) over one, two or three spatial axes, and its transpose. Activations are
/// (N, C, spatial...), weights (K, C / groups, window...).
/// </summary>
public static class Convolution
{
    /// <summary>
    /// output[n, k, p, q] = bias[k] + sum over c, r, s of input[n, c, p * stride - padding + r * dilation, ...]
    /// * weight[k, c, r, s], zero outside the input.
    /// </summary>
    /// <param name="x">(N, C, H, W), float32.</param>
    /// <param name="weight">(K, C / groups, R, S), float32.</param>
    /// <param name="bias">(K); null: none.</param>
    /// <param name="geometry">Null: stride 1, no padding.</param>
    /// <returns>(N, K, P, Q) with P = (H + padding - dilation * (R - 1) - 1) / stride + 1.</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or the window is larger than the padded input.</exception>
    public static Value Conv2d(Value x, Value weight, Value? bias = null, ConvGeometry? geometry = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        x.Graph.CheckRank("Conv2d", "input", x, 4);
        return Apply(x, weight, bias, geometry);
    }

    /// <summary><see cref="Conv2d"/> over as many spatial axes as the input has.</summary>
    /// <param name="x">(N, C, spatial...) with one to three spatial axes, float32.</param>
    /// <param name="weight">(K, C / groups, window...), float32.</param>
    /// <param name="bias">(K); null: none.</param>
    /// <param name="geometry">Null: stride 1, no padding.</param>
    /// <returns>(N, K, spatial...).</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or the window is larger than the padded input.</exception>
    public static Value Apply(Value x, Value weight, Value? bias = null, ConvGeometry? geometry = null)
    {
        var (name, window) = Check(x, weight, geometry, "Conv");
        var graph = x.Graph;
        var groups = window.Groups;
        if (x.Shape[1] != weight.Shape[1] * groups)
        {
            throw graph.Mismatch(
                name, $"{weight.Shape[1] * groups} channels", $"{x.Shape[1]} channels",
                $"input has {x.Shape[1]} channels, expected {weight.Shape[1] * groups}; "
                + $"input is {x.Shape}, weight {weight.Shape}{GroupText(groups)}");
        }

        CheckGroups(graph, name, weight.Shape[0], groups, weight.Shape);
        CheckBias(graph, name, bias, weight.Shape[0]);
        var shape = x.Shape.With(1, weight.Shape[0]);
        for (var axis = 0; axis < window.SpatialRank; axis++)
        {
            var extent = window.OutputExtent(axis, x.Shape[axis + 2], weight.Shape[axis + 2]);
            if (extent < 1)
            {
                throw graph.Mismatch(
                    name, "a window inside the padded input", $"{x.Shape}",
                    $"the window does not fit on axis {axis + 2}; input is {x.Shape}, weight {weight.Shape}, "
                    + $"padding {window.PaddingBegin} and {window.PaddingEnd}, dilation {window.Dilation}");
            }

            shape = shape.With(axis + 2, extent);
        }

        return graph.Add(new ConvolutionNode(name, x, weight, bias, window, shape)).Outputs[0];
    }

    /// <summary>
    /// The transpose of <see cref="Apply"/>: each input element adds a weighted window to the output
    /// ("deconvolution"), which is the data derivative of a convolution used forward.
    /// </summary>
    /// <param name="x">(N, K, spatial...) with one to three spatial axes, float32.</param>
    /// <param name="weight">(K, C / groups, window...), float32.</param>
    /// <param name="bias">(C); null: none.</param>
    /// <param name="geometry">Of the convolution that this transposes. Null: stride 1, no padding.</param>
    /// <param name="outputPadding">Makes the output longer at its end, below the stride: stride s maps s extents to one.</param>
    /// <returns>(N, C, spatial...) with H = (P - 1) * stride - padding + dilation * (R - 1) + 1 + outputPadding.</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Value Transposed(Value x, Value weight, Value? bias = null, ConvGeometry? geometry = null, PerAxis outputPadding = default)
    {
        var (name, window) = Check(x, weight, geometry, "ConvTranspose");
        var graph = x.Graph;
        if (x.Shape[1] != weight.Shape[0])
        {
            throw graph.Mismatch(
                name, $"{weight.Shape[0]} channels", $"{x.Shape[1]} channels",
                $"input has {x.Shape[1]} channels, expected {weight.Shape[0]}; input is {x.Shape}, weight {weight.Shape}");
        }

        CheckGroups(graph, name, weight.Shape[0], window.Groups, weight.Shape);
        var channels = weight.Shape[1] * window.Groups;
        CheckBias(graph, name, bias, channels);
        var extra = outputPadding.Resolve(graph, name, "outputPadding", window.SpatialRank, 0);
        var shape = x.Shape.With(1, channels);
        for (var axis = 0; axis < window.SpatialRank; axis++)
        {
            if (extra[axis] >= window.Stride[axis])
            {
                throw graph.Mismatch(
                    name, $"below the stride {window.Stride}", $"{outputPadding}",
                    $"outputPadding is {outputPadding}, expected below the stride {window.Stride}");
            }

            var extent = window.InputExtent(axis, x.Shape[axis + 2], weight.Shape[axis + 2]) + extra[axis];
            if (extent < 1)
            {
                throw graph.Mismatch(
                    name, "an output of 1 or more", $"{extent}",
                    $"axis {axis + 2} of the output is {extent}; input is {x.Shape}, weight {weight.Shape}, "
                    + $"padding {window.PaddingBegin} and {window.PaddingEnd}");
            }

            shape = shape.With(axis + 2, extent);
        }

        var y = graph.Add(new ConvolutionDataNode(name, x, weight, window, shape)).Outputs[0];
        return bias is null ? y : y + Reshape.To(bias, ChannelShape(channels, shape.Rank));
    }

    internal static Shape ChannelShape(long channels, int rank)
    {
        Span<long> extents = stackalloc long[rank];
        extents.Fill(1);
        extents[1] = channels;
        return new Shape(extents);
    }

    private static (string Name, ConvWindow Window) Check(Value x, Value weight, ConvGeometry? geometry, string title)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        var graph = x.Graph;
        if (x.Shape.Rank is < 3 or > 5)
        {
            throw graph.Mismatch(
                title, "rank 3 to 5", $"rank {x.Shape.Rank}",
                $"input has rank {x.Shape.Rank}, expected (N, C, spatial...) with one to three spatial axes; input is {x.Shape}");
        }

        var name = $"{title}{x.Shape.Rank - 2}d";
        graph.CheckDType(name, "input", x, DType.Float32);
        graph.CheckDType(name, "weight", weight, DType.Float32);
        graph.CheckRank(name, "weight", weight, x.Shape.Rank);
        return (name, ConvWindow.Of(graph, name, geometry ?? ConvGeometry.Default, x.Shape.Rank - 2));
    }

    private static void CheckGroups(Graph graph, string name, long channels, int groups, Shape weight)
    {
        if (channels % groups != 0)
        {
            throw graph.Mismatch(
                name, $"a multiple of {groups} groups", $"{channels}",
                $"{channels} channels are not a multiple of {groups} groups; weight is {weight}");
        }
    }

    private static void CheckBias(Graph graph, string name, Value? bias, long channels)
    {
        if (bias is null) return;
        graph.CheckDType(name, "bias", bias, DType.Float32);
        graph.CheckShape(name, "bias", bias, new Shape(channels));
    }

    private static string GroupText(int groups) => groups == 1 ? "" : $", groups {groups}";
}
