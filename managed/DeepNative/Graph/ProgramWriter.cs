using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative;

/// <summary>Writes a plan's nodes to an engine program: gives each value its id, in program order.</summary>
internal sealed class ProgramWriter(Device device, ProgramHandle program, GraphPlan plan)
{
    private const int Absent = -1;

    private readonly Dictionary<Value, int> _ids = [];
    private readonly Dictionary<Value, StoreNode> _stores = [];
    private readonly List<PinnedMemory> _pinned = [];

    /// <summary>The device that the program is for.</summary>
    public Device Device => device;

    /// <summary>Host memory that must not move while the program lives.</summary>
    public IReadOnlyList<PinnedMemory> Pinned => _pinned;

    public void Write()
    {
        PlanStores();
        foreach (var node in plan.Nodes) node.Emit(this);
    }

    /// <summary>Whether the value's own producer writes the target, so that nothing is left to copy.</summary>
    public bool IsStoredByProducer(StoreNode store) => _stores.TryGetValue(store.Source, out var chosen) && chosen == store;

    public void Bind(Value value, Tensor tensor, string name)
    {
        _ids.Add(value, Native.ProgramBind(program, tensor.Handle, name));
        if (tensor.Pinned is { } pinned) _pinned.Add(pinned);
    }

    public void Add<TAttributes>(Node node, OperatorKind kind, in TAttributes attributes)
        where TAttributes : unmanaged =>
        Native.ProgramOperator(program, kind, node.Name, attributes, Inputs(node), Outputs(node));

    public void Add(Node node, OperatorKind kind) =>
        Native.ProgramOperator(program, kind, node.Name, Inputs(node), Outputs(node));

    /// <summary>Adds an operator that computes one output of a node, if anybody reads that.</summary>
    public void AddOutput<TAttributes>(Node node, int output, OperatorKind kind, in TAttributes attributes)
        where TAttributes : unmanaged
    {
        if (Output(node, output) is var id and not Absent) Native.ProgramOperator(program, kind, node.Name, attributes, Inputs(node), [id]);
    }

    /// <summary>Copies a value to a bound one.</summary>
    public unsafe void AddCopy(Node node, Value source, Value target)
    {
        // Weights, and what has their shape, may lie in a layout of the device's choice.
        if (source.DType == DType.Float32 && target.Shape.Rank > 1)
        {
            var instructions = Pointwise.Compose(1, static (_, inputs) => inputs).ToNative();
            fixed (Interop.Instruction* pointer = instructions)
            {
                var attributes = new PointwiseAttributes { InstructionCount = instructions.Length, Instructions = pointer };
                Native.ProgramOperator(program, OperatorKind.Pointwise, node.Name, attributes, [_ids[source]], [_ids[target]]);
            }

            return;
        }

        // A reshape to the same shape, which any data type survives.
        Native.ProgramOperator(program, OperatorKind.Reshape, node.Name, [_ids[source]], [_ids[target]]);
    }

    private int[] Inputs(Node node)
    {
        var ids = new int[node.Inputs.Count];
        for (var i = 0; i < ids.Length; i++) ids[i] = node.Inputs[i] is { } input ? _ids[input] : Absent;
        return ids;
    }

    private int[] Outputs(Node node)
    {
        var ids = new List<int>();
        for (var i = 0; i < node.Outputs.Count; i++) ids.Add(Output(node, i));
        foreach (var input in node.UpdatedInputs) ids.Add(_ids[node.Inputs[input]!]);
        return [.. ids];
    }

    private int Output(Node node, int index)
    {
        var output = node.Outputs[index];
        if (node.IsOptional(index) && plan.Readers(output).Count == 0) return Absent;
        var id = _stores.TryGetValue(output, out var store) ? _ids[store.Target] : AddTransient(output);
        _ids.Add(output, id);
        return id;
    }

    private int AddTransient(Value value)
    {
        Span<long> extents = stackalloc long[Shape.MaxRank];
        value.Shape.CopyTo(extents);
        return Native.ProgramTensor(program, (Interop.DType)value.DType, extents[..value.Shape.Rank], value.Name);
    }

    // A store needs no copy when nothing sees that the target is written early: its old content is not
    // read after the producer, and the new one is not overwritten while the value still has readers.
    private void PlanStores()
    {
        foreach (var store in plan.Nodes.OfType<StoreNode>())
        {
            var (source, target) = (store.Source, store.Target);
            var producer = source.Producer;
            if (producer is BoundNode or ConstantNode or ArrayNode || _stores.ContainsKey(source)) continue;
            if (producer.Reads(target) && !WritesInPlace(producer, source, target)) continue;
            var lastRead = LastRead(source);
            var seen = plan.Readers(target).Any(reader =>
                reader != store && reader.Order > producer.Order
                && (reader.Order <= store.Order || (reader.Order <= lastRead && GraphPlan.Overwrites(reader, target))));

            // A value that lies in the target already would be overwritten by this producer, not by its store.
            var taken = _stores.Values.Any(other => other.Target == target && LastRead(other.Source) > producer.Order);
            if (!seen && !taken) _stores.Add(source, store);
        }
    }

    // A pointwise operator reads an element before it writes it, whatever kernel runs it; but a value handed
    // on as it is may be read after the target that it comes from was written.
    private static bool WritesInPlace(Node producer, Value source, Value target) =>
        producer is PointwiseNode node && target.Shape == node.Shape && target.DType == source.DType && !node.HandsOn(target);

    private int LastRead(Value value) => plan.Readers(value).Max(reader => reader.Order);
}
