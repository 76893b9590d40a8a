using System.Text.Json;
using DeepNative.Layers;
using DeepNative.Operators;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Golden;

/// <summary>Normalisation layers and softmax against PyTorch: forward, all gradients, running statistics.</summary>
internal sealed class NormalizationGoldenTests
{
    private static readonly string[] _statistics = ["running_mean", "running_var"];

    private static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevices.Names
        from golden in GoldenFile.Load("normalization")
        select new TestCaseData(device, golden).SetArgDisplayNames(device, golden.Name);

    [TestCaseSource(nameof(Cases))]
    public void Is_what_PyTorch_computes(string device, GoldenCase golden) =>
        Compare(TestDevices.Get(device), golden, golden.Attributes.GetProperty("training").GetBoolean());

    // Frozen statistics in training are those of evaluation.
    [TestCaseSource(nameof(Cases))]
    public void Frozen_statistics_are_those_of_evaluation(string device, GoldenCase golden)
    {
        if (!golden.Name.EndsWith("evaluation", StringComparison.Ordinal)) return;
        Compare(TestDevices.Get(device), golden, training: true, layer => ((DeepNative.Layers.BatchNorm)layer).Frozen = true);
    }

    private static void Compare(Device device, GoldenCase golden, bool training, Action<Layer>? change = null)
    {
        var layer = Build(golden.Attributes);
        if (layer is not null) change?.Invoke(layer);
        var tensors = new List<Tensor>();
        try
        {
            layer?.Materialize(device, seed: 1);
            var parameters = layer?.Parameters() ?? [];
            Assert.That(parameters.Select(p => p.Name), Is.EquivalentTo(golden.Tensors.Keys.Where(name => !char.IsDigit(name[^1]))));
            foreach (var parameter in parameters) TensorNumbers.Write(parameter.Tensor!, golden[parameter.Name].Numbers);
            var graph = new Graph(training);
            var shape = golden["input1"].Shape;
            var (input, lossWeight) = (New("input", shape), New("loss_weight", shape));
            var y = layer is null ? Softmax(golden.Attributes, input.Value) : layer.Forward(input.Value);
            var trained = parameters.Where(p => p.Trainable).ToArray();
            var gradients = graph.Gradients(Reduce.Sum(y * lossWeight.Value), [input.Value, .. trained.Select(graph.Parameter)]);
            var results = new List<(string Name, Tensor Tensor)> { ("output", Stored(y)), ("grad_input", Stored(gradients[0])) };
            for (var i = 0; i < trained.Length; i++) results.Add(("grad_" + trained[i].Name, Stored(gradients[i + 1])));
            results.AddRange(parameters.Where(p => _statistics.Contains(p.Name)).Select(p => (p.Name, p.Tensor!)));
            using var program = graph.Compile(device);
            for (var step = 1; step <= golden.Attributes.GetProperty("steps").GetInt32(); step++)
            {
                TensorNumbers.Write(input.Tensor, golden[$"input{step}"].Numbers);
                TensorNumbers.Write(lossWeight.Tensor, golden[$"loss_weight{step}"].Numbers);
                program.Run();
                foreach (var (name, tensor) in results)
                {
                    // Both sides round: twice the error of one.
                    Tolerance.Check($"{golden.Name}: {name}{step}", TensorNumbers.Read(tensor), golden[name + step].Numbers, DType.Float32, 4 * shape.Count, 1);
                }
            }

            (Value Value, Tensor Tensor) New(string name, Shape extents)
            {
                var tensor = new Tensor(device, DType.Float32, extents);
                tensors.Add(tensor);
                return (graph.Bind(tensor, name), tensor);
            }

            Tensor Stored(Value value)
            {
                var target = New($"result{tensors.Count}", value.Shape);
                graph.Store(value, target.Value);
                return target.Tensor;
            }
        }
        finally
        {
            layer?.ReleaseTensors();
            foreach (var tensor in tensors) tensor.Dispose();
        }
    }

    private static Value Softmax(JsonElement attributes, Value input)
    {
        var axis = attributes.GetProperty("axis").GetInt32();
        return attributes.GetProperty("log").GetBoolean() ? DeepNative.Operators.Softmax.Log(input, axis) : DeepNative.Operators.Softmax.Apply(input, axis);
    }

    // Null for what is an operator only.
    private static Layer? Build(JsonElement attributes)
    {
        return attributes.GetProperty("layer").GetString() switch
        {
            "LayerNorm" => new LayerNorm(
                new Shape([.. attributes.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64())]),
                attributes.TryGetProperty("epsilon", out var epsilon) ? epsilon.GetSingle() : 1e-5f, Flag("affine"), Flag("bias")),
            "GroupNorm" => new DeepNative.Layers.GroupNorm(Int("groups"), Int("channels"), affine: Flag("affine")),
            "InstanceNorm1d" => new InstanceNorm1d(Int("channels"), affine: Flag("affine")),
            "InstanceNorm2d" => new InstanceNorm2d(Int("channels"), affine: Flag("affine")),
            "BatchNorm" => new DeepNative.Layers.BatchNorm(Int("channels"), momentum: Single("momentum"), affine: Flag("affine"), trackRunningStatistics: Flag("track")),
            "LocalResponseNorm" => new DeepNative.Layers.LocalResponseNorm(Int("size"), Single("alpha"), Single("beta"), Single("k")),
            "Softmax" => null,
            var other => throw new InvalidDataException($"no layer '{other}'"),
        };

        int Int(string name) => attributes.GetProperty(name).GetInt32();

        float Single(string name) => attributes.GetProperty(name).GetSingle();

        bool Flag(string name) => attributes.GetProperty(name).GetBoolean();
    }
}
