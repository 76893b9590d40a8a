using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Golden;

/// <summary>A graph over the tensors of a golden case, and the comparison of its results with the case's.</summary>
internal sealed class GoldenRun(Device device, GoldenCase test) : IDisposable
{
    private readonly List<(string Name, Tensor Tensor)> _results = [];
    private readonly Dictionary<string, Tensor> _inputs = [];

    public Graph Graph { get; } = new(training: true, test.Name);

    /// <summary>A tensor of the case as a value; asked again, the same.</summary>
    public Value Bind(string name) => Bind(name, test[name].DType);

    /// <summary>A tensor of the case as a value of another data type.</summary>
    public Value Bind(string name, DType dtype) => Bind(name, name, dtype);

    /// <summary>The same numbers as another value: a constant beside the one that is differentiated.</summary>
    public Value BindCopy(string name) => Bind(name + ".copy", name, test[name].DType);

    private Value Bind(string key, string name, DType dtype)
    {
        if (!_inputs.TryGetValue(key, out var tensor))
        {
            var golden = test[name];
            _inputs[key] = tensor = new Tensor(device, dtype, golden.Shape);
            TensorNumbers.Write(tensor, golden.Numbers);
        }

        return Graph.Bind(tensor, key);
    }

    /// <summary>The value is to be the case's tensor of that name.</summary>
    public void Expect(string name, Value value)
    {
        var tensor = new Tensor(device, value.DType, value.Shape);
        Graph.Store(value, tensor);
        _results.Add((name, tensor));
    }

    /// <summary>
    /// Runs, and compares: two float32 computations of sums of about `terms` terms; numbers below `magnitude`
    /// have the error of one of that size.
    /// </summary>
    public void Check(long terms = 16, double magnitude = 1)
    {
        using var program = Graph.Compile(device);
        program.Run();
        Assert.That(_results, Is.Not.Empty);
        foreach (var (name, tensor) in _results)
        {
            var golden = test[name];
            Assert.That(tensor.Shape, Is.EqualTo(golden.Shape), $"{test}: {name}");
            Tolerance.Check($"{test}: {name}", TensorNumbers.Read(tensor), golden.Numbers, tensor.DType, terms, magnitude);
        }
    }

    public void Dispose()
    {
        foreach (var (_, tensor) in _results) tensor.Dispose();
        foreach (var tensor in _inputs.Values) tensor.Dispose();
    }
}
