using DeepNative.Optimizers;
using DeepNative.Tests.Golden;

namespace DeepNative.Tests;

/// <summary>A rule's update program over some parameters, "0", "1", ..., whose gradients are given.</summary>
internal sealed class UpdateRun : IDisposable
{
    private readonly Parameter[] _parameters;
    private readonly Tensor[] _gradients;
    private readonly CompiledProgram _program;

    public UpdateRun(Device device, Optimizer rule, IReadOnlyList<GoldenTensor> weights)
    {
        _parameters = new Parameter[weights.Count];
        _gradients = new Tensor[weights.Count];
        for (var i = 0; i < weights.Count; i++)
        {
            _parameters[i] = new Parameter($"{i}", weights[i].Shape) { Tensor = new Tensor(device, DType.Float32, weights[i].Shape) };
            _parameters[i].Tensor!.Write<float>(Array.ConvertAll(weights[i].Numbers, number => (float)number));
            _gradients[i] = new Tensor(device, DType.Float32, weights[i].Shape);
        }

        State = new OptimizerState(device, _parameters);
        rule.CreateState(State);
        Graph = new Graph(training: true, "update");
        rule.Update(Graph, State, [.. _gradients.Select((gradient, i) => Graph.Bind(gradient, $"gradient{i}"))]);
        _program = Graph.Compile(device);
    }

    public OptimizerState State { get; }

    public Graph Graph { get; }

    public ProgramReport Report => _program.Report();

    public void Step(float rate, params float[][] gradients)
    {
        State.LearningRate.Write<float>([rate]);
        for (var i = 0; i < gradients.Length; i++) _gradients[i].Write<float>(gradients[i]);
        _program.Run();
    }

    public float[] Weights(int index) => _parameters[index].Tensor!.ToArray<float>();

    public void Dispose()
    {
        _program.Dispose();
        State.Dispose();
        foreach (var gradient in _gradients) gradient.Dispose();
        foreach (var parameter in _parameters) parameter.Tensor!.Dispose();
    }
}
