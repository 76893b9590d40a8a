using DeepNative.Layers;
using DeepNative.Losses;

namespace DeepNative.Tests.Models;

/// <summary>One program of training by plain SGD with momentum over one batch that the test fills.</summary>
internal sealed class StepRun : IDisposable
{
    private readonly List<Tensor> _tensors = [];
    private readonly Device _device;
    private readonly Layer _model;
    private readonly CompiledProgram _program;
    private readonly Tensor _loss;

    public StepRun(Device device, Layer model, Loss loss, Shape input, float rate, ulong seed, float momentum = 0f)
    {
        (_device, _model) = (device, model);
        model.Materialize(device, seed);
        var graph = new Graph(training: true);
        Input = New(DType.Float32, input);
        var output = model.Forward(graph.Bind(Input, "input"));
        OutputShape = output.Shape;
        Target = New(loss.TargetType, loss.TargetShape(output.Shape));
        _loss = New(DType.Float32, Shape.Scalar);
        var speed = New(DType.Float32, Shape.Scalar);
        speed.Write<float>([rate]);
        var total = loss.Total(output, graph.Bind(Target, "target"));
        Trained = [.. model.Parameters().Where(parameter => parameter.Trainable)];
        var weights = Array.ConvertAll(Trained, graph.Parameter);
        var gradients = graph.Gradients(total, weights);
        graph.Store(total, _loss);
        var velocities = momentum == 0f
            ? []
            : Array.ConvertAll(Trained, parameter => graph.Bind(New(DType.Float32, parameter.Shape), parameter.Name + ".velocity"));
        DeepNative.Operators.Optimizer.Sgd(graph.Bind(speed, "rate"), weights, gradients, velocities, momentum, weightDecay: 0f, nesterov: false);
        _program = graph.Compile(device);
    }

    public Tensor Input { get; }

    public Tensor Target { get; }

    public Shape OutputShape { get; }

    public Parameter[] Trained { get; }

    public float Loss => _loss.ToArray<float>()[0];

    public void Step() => _program.Run();

    public void Dispose()
    {
        _program.Dispose();
        _model.ReleaseTensors();
        foreach (var tensor in _tensors) tensor.Dispose();
    }

    private Tensor New(DType type, Shape shape)
    {
        var tensor = new Tensor(_device, type, shape);
        _tensors.Add(tensor);
        return tensor;
    }
}
