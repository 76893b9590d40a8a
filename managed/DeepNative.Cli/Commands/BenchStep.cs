using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;

namespace DeepNative.Cli.Commands;

/// <summary>
/// What bench repeats: a pass of a model over one random batch in the device's memory; when training with
/// loss, gradients and an update by SGD (learning rate 0.01, momentum 0.9).
/// </summary>
internal sealed class BenchStep : IDisposable
{
    private const float LearningRate = 0.01f;
    private const float Momentum = 0.9f;

    private readonly Layer _model;
    private readonly List<Tensor> _tensors = [];
    private readonly Device _device;

    /// <summary>Builds the program.</summary>
    /// <param name="device">Where to compute.</param>
    /// <param name="model">What to compute.</param>
    /// <param name="batch">Samples in a step.</param>
    /// <param name="training">Whether the step learns.</param>
    /// <param name="seed">Of weights and data.</param>
    /// <param name="options">How to compile it.</param>
    public BenchStep(Device device, ModelEntry model, int batch, bool training, ulong seed, CompileOptions options)
    {
        _device = device;
        _model = model.Create();
        _model.Materialize(device, seed);
        var random = new Philox(seed, stream: 0);
        var input = Add(DType.Float32, [batch, .. model.InputShape]);
        var values = new float[input.Shape.Count];
        random.FillUniform(values, -1f, 1f);
        input.Write<float>(values);

        var graph = new Graph(training, $"bench {model.Name}");
        var output = _model.Forward(graph.Bind(input, "input"));
        if (training) Learn(graph, output, model.Loss(), random);
        else graph.Store(output, Add(DType.Float32, output.Shape));
        Program = graph.Compile(device, options);
    }

    /// <summary>The program.</summary>
    public CompiledProgram Program { get; }

    /// <summary>The loss of the last step; null when it does not learn.</summary>
    public double? Loss => _loss?.ToArray<float>()[0];

    private Tensor? _loss;

    /// <summary>Does one step and waits for its end.</summary>
    public void Run()
    {
        Program.Run();
        _device.Synchronize();
    }

    /// <summary>Frees program and tensors.</summary>
    public void Dispose()
    {
        Program.Dispose();
        foreach (var tensor in _tensors) tensor.Dispose();
        _model.ReleaseTensors();
    }

    private void Learn(Graph graph, Value output, Loss rule, Philox random)
    {
        var target = Target(rule, output.Shape, random);
        var rate = Add(DType.Float32, Shape.Scalar);
        rate.Write<float>([LearningRate]);
        _loss = Add(DType.Float32, Shape.Scalar);

        var loss = rule.Total(output, graph.Bind(target, "target"));
        var parameters = _model.Parameters().Where(parameter => parameter.Trainable).ToArray();
        var weights = Array.ConvertAll(parameters, graph.Parameter);
        var velocities = Array.ConvertAll(
            parameters, parameter => graph.Bind(Add(DType.Float32, parameter.Shape), parameter.Name + ".velocity"));
        var gradients = graph.Gradients(loss, weights);
        graph.Store(loss, _loss);
        Operators.Optimizer.Sgd(
            graph.Bind(rate, "learning_rate"), weights, gradients, velocities, Momentum, weightDecay: 0f, nesterov: false);
    }

    // Random classes, or numbers for losses that compare with such.
    private Tensor Target(Loss rule, Shape output, Philox random)
    {
        var target = Add(rule.TargetType, rule.TargetShape(output));
        if (rule.TargetType == DType.Int32)
        {
            var classes = new int[target.Shape.Count];
            for (var i = 0; i < classes.Length; i++) classes[i] = (int)random.NextBelow((uint)output[1]);
            target.Write<int>(classes);
        }
        else
        {
            var numbers = new float[target.Shape.Count];
            random.FillUniform(numbers, 0f, 1f);
            target.Write<float>(numbers);
        }

        return target;
    }

    private Tensor Add(DType type, Shape shape)
    {
        var tensor = new Tensor(_device, type, shape);
        _tensors.Add(tensor);
        return tensor;
    }
}
