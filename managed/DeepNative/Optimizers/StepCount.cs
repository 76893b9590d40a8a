using DeepNative.Operators;

namespace DeepNative.Optimizers;

/// <summary>The number of the coming update, from 1, of rules that correct what began at 0.</summary>
internal sealed class StepCount
{
    public const string Name = "step";

    private readonly Graph _graph;
    private readonly Tensor _tensor;

    public StepCount(Graph graph, OptimizerState state)
    {
        _graph = graph;
        _tensor = state[Name];
        Value = graph.Bind(_tensor, Name) + 1f;
    }

    /// <summary>float32 ().</summary>
    public Value Value { get; }

    /// <summary>1 - beta^step, without the cancellation that a power would suffer near 1.</summary>
    public Value OneMinusPower(float beta) => -Pointwise.ExpMinusOne(Value * (float)Math.Log(beta));

    /// <summary>Ends the step.</summary>
    public void Store() => _graph.Store(Pointwise.Cast(Value, DType.Int64), _tensor);
}
