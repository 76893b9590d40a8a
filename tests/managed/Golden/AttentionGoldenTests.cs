using DeepNative.Layers;
using DeepNative.Operators;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Golden;

/// <summary>Attention beside PyTorch's: results and all gradients.</summary>
internal sealed class AttentionGoldenTests
{
    private static readonly IReadOnlyList<GoldenCase> _cases = GoldenFile.Load("attention");

    private static IEnumerable<GoldenCase> Scaled => _cases.Where(test => test.Tensors.ContainsKey("q"));

    private static IEnumerable<GoldenCase> MultiHead => _cases.Where(test => test.Tensors.ContainsKey("query"));

    [Test]
    public void Scaled_dot_products_are_PyTorchs(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Scaled))] GoldenCase test)
    {
        using var run = new GoldenRun(TestDevices.Get(device), test);
        var (q, k, v) = (run.Bind("q"), run.Bind("k"), run.Bind("v"));
        var mask = test.Tensors.ContainsKey("mask") ? run.Bind("mask") : null;
        var scale = test.Attributes.GetProperty("scale");
        var y = Attention.ScaledDotProduct(
            q, k, v, mask, test.Attributes.GetProperty("causal").GetBoolean(),
            scale.ValueKind == System.Text.Json.JsonValueKind.Null ? null : scale.GetSingle());
        run.Expect("y", y);
        var gradients = run.Graph.Gradients(Reduce.Sum(y * run.Bind("loss_weight")), [q, k, v]);
        foreach (var (name, gradient) in new[] { "q", "k", "v" }.Zip(gradients)) run.Expect("grad_" + name, gradient);
        run.Check(terms: 64, magnitude: 2);
    }

    [Test]
    public void Multi_head_attention_is_PyTorchs_by_its_own_weights(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name, [ValueSource(nameof(MultiHead))] GoldenCase test)
    {
        var device = TestDevices.Get(name);
        var features = (int)test["query"].Shape[2];
        var layer = new MultiHeadAttention(
            features, test.Attributes.GetProperty("heads").GetInt32(), test.Attributes.GetProperty("bias").GetBoolean(),
            causal: test.Attributes.GetProperty("causal").GetBoolean());
        layer.Materialize(device, seed: 1);
        try
        {
            foreach (var parameter in layer.Parameters()) TensorNumbers.Write(parameter.Tensor!, test[parameter.Name].Numbers);
            using var run = new GoldenRun(device, test);
            var inputs = new List<(string Name, Value Value)> { ("query", run.Bind("query")) };
            if (test.Tensors.ContainsKey("key")) inputs.AddRange([("key", run.Bind("key")), ("value", run.Bind("value"))]);
            var mask = test.Tensors.ContainsKey("mask") ? run.Bind("mask") : null;
            var lengths = test.Tensors.ContainsKey("lengths") ? run.Bind("lengths") : null;
            var query = inputs[0].Value;
            var y = inputs.Count == 3 ? layer.Forward(query, inputs[1].Value, inputs[2].Value, mask, lengths)
                : lengths is null ? layer.Forward(query)
                : layer.Forward(query, query, query, mask, lengths);
            run.Expect("y", y);
            foreach (var parameter in layer.Parameters()) inputs.Add((parameter.Name, run.Graph.Parameter(parameter)));
            Assert.That(inputs, Has.Count.EqualTo(test.Tensors.Keys.Count(key => key.StartsWith("grad_", StringComparison.Ordinal))));
            var gradients = run.Graph.Gradients(Reduce.Sum(y * run.Bind("loss_weight")), inputs.Select(input => input.Value).ToArray());
            for (var i = 0; i < gradients.Count; i++) run.Expect("grad_" + inputs[i].Name, gradients[i]);
            run.Check(terms: 256, magnitude: 8);
        }
        finally
        {
            layer.ReleaseTensors();
        }
    }
}
