using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

/// <summary>
/// Runs a graph in float64 with the plainest loops: the oracle for every device, every pass and every
/// derivative. Bound values keep their content between runs, as tensors do.
/// </summary>
internal sealed class Interpreter
{
    private static readonly Dictionary<Type, Action<Interpreter, Node>> _operators = new()
    {
        [typeof(BoundNode)] = (_, _) => { },
        [typeof(ConstantNode)] = (run, node) => run.Set(node.Outputs[0], [((ConstantNode)node).Number]),
        [typeof(ArrayNode)] = (run, node) => run.Set(node.Outputs[0], Array.ConvertAll(((ArrayNode)node).Numbers.ToArray(), number => (double)number)),
        [typeof(StoreNode)] = (run, node) => run.Overwrite(node, 1, run[node.Inputs[0]!]),
        [typeof(ReshapeNode)] = (run, node) => run.Set(node.Outputs[0], run[node.Inputs[0]!]),
        [typeof(PointwiseNode)] = (run, node) => ReferencePointwise.Run(run, (PointwiseNode)node),
        [typeof(ReduceNode)] = (run, node) => ReferenceReduce.Run(run, (ReduceNode)node),
        [typeof(MatMulNode)] = (run, node) => ReferenceMatMul.Run(run, (MatMulNode)node),
        [typeof(ConvolutionNode)] = (run, node) => ReferenceConvolution.Run(run, (ConvolutionNode)node),
        [typeof(ConvolutionDataNode)] = (run, node) => ReferenceConvolution.Run(run, (ConvolutionDataNode)node),
        [typeof(ConvolutionWeightNode)] = (run, node) => ReferenceConvolution.Run(run, (ConvolutionWeightNode)node),
        [typeof(PoolingNode)] = (run, node) => ReferencePooling.Run(run, (PoolingNode)node),
        [typeof(PoolingBackwardNode)] = (run, node) => ReferencePooling.Run(run, (PoolingBackwardNode)node),
        [typeof(PoolingTapNode)] = (run, node) => ReferencePooling.Run(run, (PoolingTapNode)node),
        [typeof(BatchNormTrainingNode)] = (run, node) => ReferenceBatchNorm.Run(run, (BatchNormTrainingNode)node),
        [typeof(BatchNormInferenceNode)] = (run, node) => ReferenceBatchNorm.Run(run, (BatchNormInferenceNode)node),
        [typeof(BatchNormBackwardNode)] = (run, node) => ReferenceBatchNorm.Run(run, (BatchNormBackwardNode)node),
        [typeof(GroupNormNode)] = (run, node) => ReferenceGroupNorm.Run(run, (GroupNormNode)node),
        [typeof(GroupNormBackwardNode)] = (run, node) => ReferenceGroupNorm.Run(run, (GroupNormBackwardNode)node),
        [typeof(LocalResponseNormNode)] = (run, node) => ReferenceLocalResponseNorm.Run(run, (LocalResponseNormNode)node),
        [typeof(LocalResponseNormBackwardNode)] = (run, node) => ReferenceLocalResponseNorm.Run(run, (LocalResponseNormBackwardNode)node),
        [typeof(SoftmaxNode)] = (run, node) => ReferenceSoftmax.Run(run, (SoftmaxNode)node),
        [typeof(SoftmaxBackwardNode)] = (run, node) => ReferenceSoftmax.Run(run, (SoftmaxBackwardNode)node),
        [typeof(SoftmaxCrossEntropyNode)] = (run, node) => ReferenceSoftmax.Run(run, (SoftmaxCrossEntropyNode)node),
        [typeof(RandomNode)] = (run, node) => ReferenceRandom.Run(run, (RandomNode)node),
        [typeof(CtcLossNode)] = (run, node) => ReferenceCtcLoss.Run(run, (CtcLossNode)node),
        [typeof(GatherNode)] = (run, node) => ReferenceGather.Run(run, (GatherNode)node),
        [typeof(RecurrentNode)] = (run, node) => ReferenceRecurrent.Run(run, (RecurrentNode)node),
        [typeof(RecurrentBackwardNode)] = (run, node) => ReferenceRecurrent.Run(run, (RecurrentBackwardNode)node),
        [typeof(SliceNode)] = (run, node) => ReferenceMove.Run(run, (SliceNode)node),
        [typeof(SliceSplitNode)] = (run, node) => ReferenceMove.Run(run, (SliceSplitNode)node),
        [typeof(PadNode)] = (run, node) => ReferenceMove.Run(run, (PadNode)node),
        [typeof(PadBackwardNode)] = (run, node) => ReferenceMove.Run(run, (PadBackwardNode)node),
        [typeof(ConcatNode)] = (run, node) => ReferenceMove.Run(run, (ConcatNode)node),
        [typeof(TransposeNode)] = (run, node) => ReferenceMove.Run(run, (TransposeNode)node),
        [typeof(GatherRowsBackwardNode)] = (run, node) => ReferenceGather.Run(run, (GatherRowsBackwardNode)node),
        [typeof(GatherAlongNode)] = (run, node) => ReferenceGather.Run(run, (GatherAlongNode)node),
        [typeof(GatherAlongBackwardNode)] = (run, node) => ReferenceGather.Run(run, (GatherAlongBackwardNode)node),
        [typeof(TopKNode)] = (run, node) => ReferenceTopK.Run(run, (TopKNode)node),
        [typeof(CumulativeSumNode)] = (run, node) => ReferenceCumulativeSum.Run(run, (CumulativeSumNode)node),
        [typeof(ResizeNode)] = (run, node) => ReferenceResize.Run(run, (ResizeNode)node),
        [typeof(ResizeBackwardNode)] = (run, node) => ReferenceResize.Run(run, (ResizeBackwardNode)node),
        [typeof(ImageDecodeNode)] = (run, node) => ReferenceImageDecode.Run(run, (ImageDecodeNode)node),
        [typeof(OptimizerNode)] = (run, node) => ReferenceOptimizer.Run(run, (OptimizerNode)node),
    };

    private readonly Dictionary<Value, double[]> _values = [];

    /// <summary>The node classes that it can run.</summary>
    public static IReadOnlyCollection<Type> Known => _operators.Keys;

    /// <summary>The numbers of a value, row-major.</summary>
    public double[] this[Value value] => _values[value];

    /// <summary>Gives a value its numbers, rounded to its data type.</summary>
    public void Set(Value value, double[] numbers)
    {
        Assert.That(numbers, Has.Length.EqualTo(value.Shape.Count), $"numbers of {value}");
        _values[value] = numbers;
    }

    /// <summary>What an operator writes to one of its inputs.</summary>
    public void Overwrite(Node node, int input, double[] numbers)
    {
        Assert.That(node.UpdatedInputs.Contains(input), $"{node.OperatorName} may not overwrite input {input}");
        Set(node.Inputs[input]!, numbers);
    }

    /// <summary>The numbers of an input, or null where it is absent.</summary>
    public double[]? Input(Node node, int index) =>
        index < node.Inputs.Count && node.Inputs[index] is { } input ? _values[input] : null;

    public void Run(IEnumerable<Node> nodes)
    {
        foreach (var node in nodes) _operators[node.GetType()](this, node);
    }
}
