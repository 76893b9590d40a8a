using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>What the convolutions share: the parameters "weight" and "bias", and how the window moves.</summary>
public abstract class ConvLayer : Layer
{
    private readonly ConvArguments _arguments;
    private readonly ConvGeometry _geometry;
    private readonly Padding _padding;
    private readonly Parameter _weight;
    private readonly Parameter? _bias;

    private protected ConvLayer(ConvArguments arguments)
    {
        var (rank, inputs, outputs, groups) = (arguments.SpatialRank, arguments.InputChannels, arguments.OutputChannels, arguments.Groups);
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1, "inputChannels");
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1, "outputChannels");
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1, "groups");
        if (inputs % groups != 0 || outputs % groups != 0)
            throw new ArgumentException($"{groups} groups do not divide {inputs} and {outputs} channels.", nameof(arguments));
        SpatialChecks.AtLeast(rank, arguments.Kernel, 1, "kernel");
        _arguments = arguments;
        _padding = SpatialChecks.NotNegative(rank, arguments.Padding ?? 0, "padding");
        _geometry = new ConvGeometry
        {
            Stride = SpatialChecks.AtLeast(rank, arguments.Stride ?? 1, 1, "stride"),
            Dilation = SpatialChecks.AtLeast(rank, arguments.Dilation ?? 1, 1, "dilation"),
            Groups = groups,
        };

        // The transposed one is the other's derivative and has its weight: the channels change places.
        var (first, second) = arguments.Transposed ? (inputs, outputs / groups) : (outputs, inputs / groups);
        Span<long> extents = stackalloc long[rank + 2];
        (extents[0], extents[1]) = (first, second);
        for (var axis = 0; axis < rank; axis++) extents[axis + 2] = arguments.Kernel[axis];
        var shape = new Shape(extents);
        var window = (double)shape.From(2).Count;
        var initializer = (arguments.WeightInitializer ?? Initializer.FanInUniform).WithFans(inputs / groups * window, outputs / groups * window);
        if (arguments.Transposed && arguments.WeightInitializer is null) initializer = Initializer.FanInUniform; // as PyTorch, by the shape
        _weight = AddParameter("weight", shape, initializer);
        if (arguments.Bias)
        {
            _bias = AddParameter(
                "bias", new Shape(outputs), arguments.BiasInitializer ?? Initializer.UniformForFanIn(shape.Count / first));
        }
    }

    // The arguments of the transpose of such a convolution.
    private protected static ConvArguments Transpose(ConvArguments arguments, PerAxis? outputPadding)
    {
        if (arguments.Padding is { IsSame: true })
            throw new ArgumentException("a transposed convolution has no padding 'same': many outputs fit one input.", nameof(arguments));
        var rank = arguments.SpatialRank;
        var extra = SpatialChecks.AtLeast(rank, outputPadding ?? 0, 0, nameof(outputPadding));
        for (var axis = 0; axis < rank; axis++)
            if (extra[axis] >= (arguments.Stride ?? 1)[axis])
                throw new ArgumentOutOfRangeException(nameof(outputPadding), $"{extra}", $"must be below the stride {arguments.Stride ?? 1}");
        return arguments with { Transposed = true, OutputPadding = extra };
    }

    /// <inheritdoc/>
    protected internal sealed override long MultiplyAdds(Shape input, Shape output) =>
        (_arguments.Transposed ? input : output).Count * (_weight.Shape.Count / _weight.Shape[0]);

    /// <inheritdoc/>
    protected sealed override Value Build(Value input)
    {
        var shape = input.Shape;
        var rank = _arguments.SpatialRank;
        if (shape.Rank != rank + 2 || shape[1] != _arguments.InputChannels)
            throw Mismatch(shape, SpatialChecks.Form(rank, _arguments.InputChannels));
        var (begin, end) = _padding.For(
            shape, _geometry.Stride, axis => (long)_geometry.Dilation[axis] * (_arguments.Kernel[axis] - 1) + 1);
        var geometry = _geometry with { PaddingBegin = begin, PaddingEnd = end };
        var graph = input.Graph;
        var weight = graph.Parameter(_weight);
        var bias = _bias is null ? null : graph.Parameter(_bias);
        return _arguments.Transposed
            ? Convolution.Transposed(input, weight, bias, geometry, _arguments.OutputPadding)
            : Convolution.Apply(input, weight, bias, geometry);
    }
}

internal readonly record struct ConvArguments(
    int SpatialRank, int InputChannels, int OutputChannels, PerAxis Kernel, PerAxis? Stride, Padding? Padding,
    PerAxis? Dilation, int Groups, bool Bias, Initializer? WeightInitializer, Initializer? BiasInitializer)
{
    public bool Transposed { get; init; }

    public PerAxis OutputPadding { get; init; }
}
