using DeepNative.Operators;
using DeepNative.Tests.Operators.Reference;

namespace DeepNative.Tests.Operators;

/// <summary>
/// The graph of one operator case: made of named inputs with numbers drawn from a fixed seed, so that the
/// same case can be built for the interpreter and, with tensors, for a device.
/// </summary>
internal sealed class CaseBuilder(Device? device, bool training = true)
{
    private readonly System.Random _random = new(20240517);
    private readonly List<CaseInput> _inputs = [];
    private readonly List<(string Name, Value Target)> _results = [];

    public Graph Graph { get; } = new(training, "case");

    public IReadOnlyList<CaseInput> Inputs => _inputs;

    /// <summary>The names of the stored results.</summary>
    public IEnumerable<string> Results => _results.Select(result => result.Name);

    /// <summary>The derivatives of the weighted sum of the result by the inputs.</summary>
    public IReadOnlyList<Value> Gradients { get; set; } = [];

    /// <summary>Numbers added up for one result: sets the tolerance. 0: the result is exact.</summary>
    public long ReductionLength { get; set; } = 1;

    /// <summary>The size of the numbers that are added up, where the results are much smaller.</summary>
    public double Magnitude { get; set; }

    /// <summary>Whether a derivative exists and is smooth at the inputs.</summary>
    public bool HasDerivative { get; set; } = true;

    /// <summary>How often the operator can be differentiated: 2, or 1 where its derivative has none.</summary>
    public int DerivativeOrder { get; set; } = 2;

    /// <summary>Whether a result may be mostly zeros.</summary>
    public bool MayBeZero { get; set; }

    /// <summary>Float32 numbers in a range.</summary>
    public Value Input(Shape shape, double low = -1, double high = 1, bool differentiable = true)
    {
        var numbers = new double[shape.Count];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = (float)(low + (high - low) * _random.NextDouble());
        return Given(DType.Float32, shape, numbers, differentiable);
    }

    /// <summary>Whole numbers from 0 to below a bound.</summary>
    public Value Indices(DType dtype, Shape shape, int bound)
    {
        var numbers = new double[shape.Count];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = _random.Next(bound);
        return Given(dtype, shape, numbers, differentiable: false);
    }

    /// <summary>These numbers.</summary>
    public Value Given(DType dtype, Shape shape, double[] numbers, bool differentiable = true)
    {
        var name = $"x{_inputs.Count}";
        var tensor = device is null ? null : NewTensor(dtype, shape, numbers);
        var value = tensor is null ? Graph.Declare(dtype, shape, name) : Graph.Bind(tensor, name);
        _inputs.Add(new CaseInput(name, value, numbers, differentiable && dtype == DType.Float32, tensor));
        return value;
    }

    /// <summary>Stores a value under a name.</summary>
    public void Store(string name, Value value)
    {
        Value target;
        if (device is null)
        {
            target = Graph.Declare(value.DType, value.Shape, name);
        }
        else
        {
            // An operator that leaves elements unwritten shows.
            var unwritten = value.DType == DType.Float32 ? double.NaN : 77;
            target = Graph.Bind(NewTensor(value.DType, value.Shape, Enumerable.Repeat(unwritten, (int)value.Shape.Count).ToArray()), name);
        }

        Graph.Store(value, target);
        _results.Add((name, target));
    }

    private Tensor NewTensor(DType dtype, Shape shape, double[] numbers)
    {
        var tensor = new Tensor(device!, dtype, shape);
        TensorNumbers.Write(tensor, numbers);
        return tensor;
    }
}

/// <summary>An input of a case and its numbers.</summary>
internal sealed record CaseInput(string Name, Value Value, double[] Numbers, bool Differentiable, Tensor? Tensor);
