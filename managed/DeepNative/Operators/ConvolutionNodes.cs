using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>Forward: inputs x, weight, [bias], epilogue inputs; output y.</summary>
internal sealed class ConvolutionNode : Node, IEpilogueHost
{
    private readonly string _operatorName;

    public ConvolutionNode(string operatorName, Value x, Value weight, Value? bias, ConvWindow window, Shape shape)
        : base(x.Graph, x, weight, bias)
    {
        _operatorName = operatorName;
        Window = window;
        AddOutput(DType.Float32, shape);
    }

    public ConvWindow Window { get; }

    /// <summary>What is done to each finished element; its further inputs follow the bias.</summary>
    public Expression? Epilogue { get; private set; }

    public bool TakesEpilogue => Epilogue is null;

    public override string OperatorName => _operatorName;

    public override NodeData? Data => new(DataRule.Product, OperatorKind.Convolution, Inputs: NodeData.Operands);

    public override object? Attributes => (Window, Epilogue);

    public void TakeEpilogue(Expression epilogue, ReadOnlySpan<Value> inputs, Value output)
    {
        Epilogue = epilogue;
        SetInputs([.. Inputs, .. inputs]);
        AdoptOutputs([output]);
    }

    // Weight and bias in one node, directly before the data's: the engine joins the sequence.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[3];
        if (context.GradOutput(0) is not { } gradOutput) return gradients;
        var (x, weight, bias) = (Inputs[0]!, Inputs[1]!, Inputs[2]);
        if (context.Needs(1))
        {
            var node = Graph.Add(new ConvolutionWeightNode(OperatorName, x, gradOutput, Window, weight.Shape, bias is not null));
            gradients[1] = node.Outputs[0];
            if (bias is not null) gradients[2] = node.Outputs[1];
        }
        else if (context.Needs(2))
        {
            var perChannel = Reduce.SumTo(gradOutput, Convolution.ChannelShape(bias!.Shape.Count, gradOutput.Shape.Rank));
            gradients[2] = Reshape.To(perChannel, bias.Shape);
        }

        if (context.Needs(0))
            gradients[0] = Graph.Add(new ConvolutionDataNode(OperatorName, gradOutput, weight, Window, x.Shape)).Outputs[0];
        return gradients;
    }

    public override void Emit(ProgramWriter writer) => Window.Emit(writer, this, Direction.Forward, Epilogue);
}

/// <summary>Backward to the data, or a transposed convolution: inputs grad_output, weight; output grad_input.</summary>
internal sealed class ConvolutionDataNode : Node
{
    private readonly string _operatorName;

    public ConvolutionDataNode(string operatorName, Value gradOutput, Value weight, ConvWindow window, Shape shape)
        : base(gradOutput.Graph, gradOutput, weight)
    {
        _operatorName = operatorName;
        Window = window;
        AddOutput(DType.Float32, shape);
    }

    public ConvWindow Window { get; }

    public override string OperatorName => _operatorName;

    public override NodeData? Data => new(DataRule.Product, OperatorKind.Convolution, Backward: true, Inputs: NodeData.Operands);

    public override object? Attributes => (Window, Outputs[0].Shape);

    // Linear in both inputs: by the one a forward convolution, by the other a weight derivative.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[2];
        if (context.GradOutput(0) is not { } gradOutput) return gradients;
        var (x, weight) = (Inputs[0]!, Inputs[1]!);
        if (context.Needs(1))
            gradients[1] = Graph.Add(new ConvolutionWeightNode(OperatorName, gradOutput, x, Window, weight.Shape, hasBias: false)).Outputs[0];
        if (context.Needs(0))
            gradients[0] = Graph.Add(new ConvolutionNode(OperatorName, gradOutput, weight, null, Window, x.Shape)).Outputs[0];
        return gradients;
    }

    public override void Emit(ProgramWriter writer) => Window.Emit(writer, this, Direction.BackwardData, null);
}

/// <summary>Backward to the weight: inputs x, grad_output; outputs grad_weight, [grad_bias].</summary>
internal sealed class ConvolutionWeightNode : Node
{
    private readonly string _operatorName;

    public ConvolutionWeightNode(string operatorName, Value x, Value gradOutput, ConvWindow window, Shape weight, bool hasBias)
        : base(x.Graph, x, gradOutput)
    {
        _operatorName = operatorName;
        Window = window;
        AddOutput(DType.Float32, weight);
        if (hasBias) AddOutput(DType.Float32, new Shape(weight[0]));
    }

    public ConvWindow Window { get; }

    public override string OperatorName => _operatorName;

    public override NodeData? Data => new(DataRule.Product, OperatorKind.Convolution, Backward: true, Inputs: NodeData.Operands, Outputs: 0);

    public override object? Attributes => (Window, Outputs[0].Shape, Outputs.Count);

    public override bool IsOptional(int output) => output == 1;

    // Linear in both inputs; the gradient of grad_weight takes the weight's place, that of grad_bias the bias's.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[2];
        var (x, y) = (Inputs[0]!, Inputs[1]!);
        var gradWeight = context.GradOutput(0);
        if (context.Needs(0) && gradWeight is not null)
            gradients[0] = Graph.Add(new ConvolutionDataNode(OperatorName, y, gradWeight, Window, x.Shape)).Outputs[0];
        if (!context.Needs(1)) return gradients;
        if (gradWeight is not null)
            gradients[1] = Graph.Add(new ConvolutionNode(OperatorName, x, gradWeight, null, Window, y.Shape)).Outputs[0];
        if (Outputs.Count > 1 && context.GradOutput(1) is { } gradBias)
        {
            var perChannel = Reshape.To(gradBias, Convolution.ChannelShape(gradBias.Shape.Count, y.Shape.Rank));
            gradients[1] = gradients[1] is { } sum ? sum + perChannel : Pointwise.Expand(perChannel, y.Shape);
        }

        return gradients;
    }

    public override void Emit(ProgramWriter writer) => Window.Emit(writer, this, Direction.BackwardWeight, null);
}
