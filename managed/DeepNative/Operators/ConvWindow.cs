using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>A checked geometry: each shape has one entry for each spatial axis.</summary>
internal sealed record ConvWindow(Shape Stride, Shape PaddingBegin, Shape PaddingEnd, Shape Dilation, int Groups)
{
    public int SpatialRank => Stride.Rank;

    public static ConvWindow Of(Graph graph, string operatorName, ConvGeometry geometry, int spatialRank)
    {
        if (geometry.Groups < 1)
            throw graph.Mismatch(operatorName, "1 or more groups", $"{geometry.Groups}", $"groups is {geometry.Groups}, expected 1 or more");
        return new ConvWindow(
            geometry.Stride.Resolve(graph, operatorName, "stride", spatialRank, 1),
            geometry.PaddingBegin.Resolve(graph, operatorName, "padding", spatialRank, 0),
            geometry.PaddingEnd.Resolve(graph, operatorName, "padding", spatialRank, 0),
            geometry.Dilation.Resolve(graph, operatorName, "dilation", spatialRank, 1),
            geometry.Groups);
    }

    /// <summary>Output extent of the forward direction; below 1 when the window does not fit.</summary>
    public long OutputExtent(int axis, long input, long kernel)
    {
        var slack = input + PaddingBegin[axis] + PaddingEnd[axis] - Dilation[axis] * (kernel - 1) - 1;
        return slack < 0 ? 0 : slack / Stride[axis] + 1;
    }

    /// <summary>The smallest input extent that gives this output extent.</summary>
    public long InputExtent(int axis, long output, long kernel) =>
        (output - 1) * Stride[axis] - PaddingBegin[axis] - PaddingEnd[axis] + Dilation[axis] * (kernel - 1) + 1;

    public unsafe void Emit(ProgramWriter writer, Node node, Direction direction, Expression? epilogue)
    {
        var instructions = epilogue?.ToNative() ?? [];
        fixed (Interop.Instruction* pointer = instructions)
        {
            var attributes = new ConvolutionAttributes
            {
                Direction = direction,
                SpatialRank = SpatialRank,
                Groups = Groups,
                InstructionCount = instructions.Length,
                Epilogue = pointer,
            };
            Stride.CopyTo(attributes.Stride);
            PaddingBegin.CopyTo(attributes.PaddingBegin);
            PaddingEnd.CopyTo(attributes.PaddingEnd);
            Dilation.CopyTo(attributes.Dilation);
            writer.Add(node, OperatorKind.Convolution, attributes);
        }
    }
}
