using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>An expression over inputs that broadcast to the shape of all outputs.</summary>
internal sealed class PointwiseNode : Node
{
    private readonly string _operatorName;
    private readonly Expression? _gradient;

    private PointwiseNode(
        Graph graph, string operatorName, Expression expression, ReadOnlySpan<Value> inputs, Shape shape, ReadOnlySpan<DType> dtypes, Expression? gradient)
        : base(graph, [.. inputs])
    {
        _operatorName = operatorName;
        _gradient = gradient;
        Expression = expression;
        foreach (var dtype in dtypes) AddOutput(dtype, shape);
    }

    public Expression Expression { get; private set; }

    public Shape Shape => Outputs[0].Shape;

    public override string OperatorName => _operatorName;

    public override NodeData? Data => new(DataRule.Free, OperatorKind.Pointwise, Inputs: NodeData.All, Outputs: NodeData.All);

    public override object? Attributes => (Expression, string.Join(',', Outputs.Select(o => o.DType)));

    /// <summary>Adds an expression of one output to the graph, or returns what it amounts to: an input or a constant.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="operatorName">The name in messages.</param>
    /// <param name="expression">The expression.</param>
    /// <param name="inputs">Its inputs; null where the expression does not use one.</param>
    /// <param name="dtype">The output's data type.</param>
    /// <param name="gradient">
    /// For an expression of one input: its gradient as an expression of the output's gradient (input 0), the
    /// output (input 1) and the input (input 2), where that is better than the generic rules.
    /// </param>
    public static Value Create(
        Graph graph, string operatorName, Expression expression, ReadOnlySpan<Value?> inputs, DType dtype = DType.Float32, Expression? gradient = null) =>
        CreateAs(graph, operatorName, expression, inputs, BroadcastShape(graph, operatorName, inputs), dtype, gradient);

    /// <summary>The same, of a shape to which the inputs are known to broadcast.</summary>
    public static Value CreateAs(
        Graph graph, string operatorName, Expression expression, ReadOnlySpan<Value?> inputs, Shape shape, DType dtype = DType.Float32, Expression? gradient = null)
    {
        var (normal, used) = Normalize(expression, inputs);
        if (normal.IsCopy && used[0].Shape == shape && used[0].DType == dtype) return used[0];
        if (used.Length == 0 && shape.Rank == 0 && dtype == DType.Float32) return graph.Constant(normal.Instructions[0].Value);
        return graph.Add(new PointwiseNode(graph, operatorName, normal, used, shape, [dtype], gradient)).Outputs[0];
    }

    /// <summary>A change of type that is no node of the graph yet; for passes only.</summary>
    public static PointwiseNode Cast(Value x, DType dtype) =>
        new(x.Graph, nameof(Cast), Pointwise.Compose(1, (_, v) => [v[0]]), [x], x.Shape, [dtype], gradient: null) { Name = x.Name };

    /// <summary>
    /// The same function with each input once, constants inside the expression, inputs numbered in the
    /// order of use, and unused ones gone.
    /// </summary>
    public static (Expression Expression, Value[] Inputs) Normalize(Expression expression, ReadOnlySpan<Value?> inputs)
    {
        var builder = new ExpressionBuilder();
        var distinct = new List<Value>();
        var stands = new int[inputs.Length];
        for (var i = 0; i < stands.Length; i++)
        {
            if (inputs[i] is not { } input) continue;
            if (input.Producer is ConstantNode constant)
            {
                stands[i] = builder.Constant(constant.Number);
                continue;
            }

            var place = distinct.IndexOf(input);
            if (place < 0)
            {
                place = distinct.Count;
                distinct.Add(input);
            }

            stands[i] = builder.Input(place);
        }

        var values = builder.Append(expression, stands);
        var outputs = new int[expression.OutputCount];
        for (var i = 0; i < outputs.Length; i++) outputs[i] = values[expression.OutputValue(i)];
        return Renumber(builder.Build(outputs), distinct);
    }

    /// <summary>This node with another's expression in the place of its outputs.</summary>
    /// <param name="producer">A pointwise node whose outputs this one may read.</param>
    /// <param name="keepOutputs">Whether the other's outputs are computed too; they come behind this node's.</param>
    /// <returns>The joined expression and its inputs.</returns>
    public (Expression Expression, Value[] Inputs) Join(PointwiseNode producer, bool keepOutputs)
    {
        var builder = new ExpressionBuilder();
        var inputs = new List<Value?>();
        var known = new Dictionary<Value, int>();
        var produced = Append(builder, producer, inputs, known);
        for (var i = 0; i < produced.Length; i++) known.Add(producer.Outputs[i], produced[i]);
        var outputs = Append(builder, this, inputs, known);
        if (keepOutputs) outputs = [.. outputs, .. produced];
        return Normalize(builder.Build(outputs), [.. inputs]);
    }

    /// <summary>Changes the node in place; for passes only.</summary>
    public void Become(Expression expression, ReadOnlySpan<Value> inputs, ReadOnlySpan<Value> outputs)
    {
        Expression = expression;
        SetInputs([.. inputs]);
        AdoptOutputs(outputs);
    }

    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[Inputs.Count];
        var hasGradient = new bool[Outputs.Count];
        var terms = new List<Value?>();
        for (var i = 0; i < hasGradient.Length; i++)
        {
            terms.Add(context.GradOutput(i));
            hasGradient[i] = terms[i] is not null;
        }

        terms.AddRange(Inputs);
        terms.AddRange(Outputs);
        for (var i = 0; i < gradients.Length; i++)
        {
            if (!context.Needs(i)) continue;
            var gradient = _gradient is not null
                ? Create(Graph, OperatorName, _gradient, [terms[0], Outputs[0], Inputs[0]])
                : ExpressionDerivative.Build(Expression, gradients.Length, i, hasGradient) is { } expression
                    ? Create(Graph, OperatorName, expression, [.. terms])
                    : null;
            if (gradient is null) continue;
            gradients[i] = Pointwise.Cast(Reduce.SumTo(gradient, Inputs[i]!.Shape), Inputs[i]!.DType);
        }

        return gradients;
    }

    /// <summary>Whether an input is also an output, as it is.</summary>
    public bool HandsOn(Value input)
    {
        foreach (var instruction in Expression.Instructions)
        {
            if (instruction.Opcode != Opcode.Output) continue;
            var source = Expression.Instructions[instruction.A];
            if (source.Opcode == Opcode.Input && Inputs[source.A] == input) return true;
        }

        return false;
    }

    public override void Emit(ProgramWriter writer) => Emit(writer, this, Expression);

    /// <summary>Adds a pointwise operator for any node that amounts to one.</summary>
    public static unsafe void Emit(ProgramWriter writer, Node node, Expression expression)
    {
        var instructions = expression.ToNative();
        fixed (Interop.Instruction* pointer = instructions)
        {
            var attributes = new PointwiseAttributes { InstructionCount = instructions.Length, Instructions = pointer };
            writer.Add(node, OperatorKind.Pointwise, attributes);
        }
    }

    // Builds the node's expression and returns its outputs; inputs that are not known yet are added.
    private static int[] Append(ExpressionBuilder builder, PointwiseNode node, List<Value?> inputs, Dictionary<Value, int> known)
    {
        var stands = new int[node.Inputs.Count];
        for (var i = 0; i < stands.Length; i++)
        {
            if (known.TryGetValue(node.Inputs[i]!, out stands[i])) continue;
            stands[i] = builder.Input(inputs.Count);
            inputs.Add(node.Inputs[i]);
        }

        var values = builder.Append(node.Expression, stands);
        var outputs = new int[node.Expression.OutputCount];
        for (var i = 0; i < outputs.Length; i++) outputs[i] = values[node.Expression.OutputValue(i)];
        return outputs;
    }

    private static Shape BroadcastShape(Graph graph, string operatorName, ReadOnlySpan<Value?> inputs)
    {
        var shape = Shape.Scalar;
        foreach (var input in inputs)
        {
            if (input is null) continue;
            if (!Shape.TryBroadcast(shape, input.Shape, out var wider))
            {
                var shapes = string.Join(" and ", inputs.ToArray().OfType<Value>().Select(i => i.Shape));
                throw graph.Mismatch(
                    operatorName, $"a shape that broadcasts with {shape}", input.Shape.ToString(),
                    $"shapes {shapes} do not broadcast: two dimensions differ and neither is 1");
            }

            shape = wider;
        }

        return shape;
    }

    private static (Expression Expression, Value[] Inputs) Renumber(Expression expression, List<Value> inputs)
    {
        var numbers = new int[inputs.Count];
        Array.Fill(numbers, -1);
        var used = new List<Value>();
        var instructions = expression.Instructions.ToBuilder();
        for (var i = 0; i < instructions.Count; i++)
        {
            if (instructions[i].Opcode != Opcode.Input) continue;
            ref var number = ref numbers[instructions[i].A];
            if (number < 0)
            {
                number = used.Count;
                used.Add(inputs[instructions[i].A]);
            }

            instructions[i] = instructions[i] with { A = number };
        }

        return (new Expression(instructions.ToImmutable()), [.. used]);
    }
}
