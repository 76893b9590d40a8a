using DeepNative.Operators;

namespace DeepNative;

/// <summary>A tensor that outlives the program's runs. Its value is the tensor's content at the reader's place in program order.</summary>
internal sealed class BoundNode : Node
{
    private readonly Tensor? _tensor;
    private readonly Parameter? _parameter;

    public BoundNode(Graph graph, Tensor tensor, string name)
        : base(graph)
    {
        Name = name;
        _tensor = tensor;
        AddOutput(tensor.DType, tensor.Shape);
    }

    public BoundNode(Graph graph, Parameter parameter)
        : base(graph)
    {
        Name = parameter.Name;
        _parameter = parameter;
        AddOutput(parameter.DType, parameter.Shape);
    }

    // A place in the graph for a tensor that does not exist: to trace shapes, or to run in the tests' interpreter.
    public BoundNode(Graph graph, DType dtype, Shape shape, string name)
        : base(graph)
    {
        Name = name;
        AddOutput(dtype, shape);
    }

    public override string OperatorName => "Bind";

    public override object? Attributes => this;

    /// <summary>Checks that an operator may overwrite a value.</summary>
    public static void Require(Value value, string parameterName)
    {
        ArgumentNullException.ThrowIfNull(value, parameterName);
        if (value.Producer is not BoundNode)
            throw new ArgumentException($"'{value.Name}' {value.Shape} would be overwritten, but is not a bound tensor.", parameterName);
    }

    /// <summary>The memory behind it, when it has any already.</summary>
    public Tensor? Memory => _tensor ?? _parameter?.Tensor;

    /// <summary>The memory behind it.</summary>
    /// <exception cref="InvalidOperationException">It has none.</exception>
    public Tensor Tensor => Memory ?? throw new InvalidOperationException(
        _parameter is null
            ? $"input '{Name}' has no tensor: it was declared by shape alone."
            : $"parameter '{Name}' has no tensor: materialise the model on the device first.");

    public override Value?[] Derivative(DerivativeContext context) => [];

    public override void Emit(ProgramWriter writer) => writer.Bind(Outputs[0], Tensor, Name);
}

/// <summary>One float32 number.</summary>
internal sealed class ConstantNode : Node
{
    public ConstantNode(Graph graph, float number)
        : base(graph)
    {
        Number = number;
        AddOutput(DType.Float32, Shape.Scalar);
    }

    public float Number { get; }

    public override string OperatorName => "Constant";

    // The bits, since 0 equals -0 and NaN equals nothing.
    public override object? Attributes => BitConverter.SingleToInt32Bits(Number);

    public override Value?[] Derivative(DerivativeContext context) => [];

    // Pointwise readers hold it in their expression; only others need it in memory.
    public override void Emit(ProgramWriter writer)
    {
        var builder = new ExpressionBuilder();
        PointwiseNode.Emit(writer, this, builder.Build([builder.Constant(Number)]));
    }
}

/// <summary>Float32 numbers that the program brings along.</summary>
internal sealed class ArrayNode : Node
{
    private readonly float[] _numbers;

    public ArrayNode(Graph graph, ReadOnlySpan<float> numbers, Shape shape)
        : base(graph)
    {
        _numbers = numbers.ToArray();
        AddOutput(DType.Float32, shape);
    }

    public ReadOnlySpan<float> Numbers => _numbers;

    public override string OperatorName => "Constant";

    public override object? Attributes => this;

    public override Value?[] Derivative(DerivativeContext context) => [];

    // The program keeps the tensor alive.
    public override void Emit(ProgramWriter writer)
    {
        using var tensor = new Tensor(writer.Device, DType.Float32, Outputs[0].Shape);
        tensor.Write<float>(_numbers);
        writer.Bind(Outputs[0], tensor, Name);
    }
}

/// <summary>Writes a value to a bound tensor.</summary>
internal sealed class StoreNode : Node
{
    public StoreNode(Graph graph, Value value, Value target)
        : base(graph, value, target)
    {
    }

    public override string OperatorName => "Store";

    public override ReadOnlySpan<int> UpdatedInputs => [1];

    public override object? Attributes => this;

    public Value Source => Inputs[0]!;

    public Value Target => Inputs[1]!;

    public override Value?[] Derivative(DerivativeContext context) => [null, null];

    // Most stores cost nothing: the producer writes the target (ProgramWriter.PlanStores). The rest copy.
    public override void Emit(ProgramWriter writer)
    {
        if (!writer.IsStoredByProducer(this)) writer.AddCopy(this, Source, Target);
    }
}
