using System.Text.Json;
using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Tests.Golden;

internal sealed class RecurrentGoldenTests
{
    private const int Inputs = 3;
    private const int Units = 4;

    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("recurrent");

    [Test]
    public void Outputs_states_and_gradients_are_PyTorchs(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name, [ValueSource(nameof(Cases))] GoldenCase test)
    {
        var device = TestDevices.Get(name);
        using var run = new GoldenRun(device, test);
        var layer = LayerOf(test.Attributes);
        var inputs = new Dictionary<string, Value>();
        foreach (var parameter in layer.Parameters().Where(parameter => test.Tensors.ContainsKey(parameter.Name)))
        {
            inputs[parameter.Name] = run.Bind(parameter.Name);
            parameter.Tensor = ((BoundNode)inputs[parameter.Name].Producer).Tensor;
        }

        var bound = layer.Parameters().Where(parameter => parameter.Tensor is not null).ToArray();
        layer.Materialize(device, seed: 1);
        foreach (var given in new[] { "x", "hidden", "cell" })
            if (test.Tensors.ContainsKey(given)) inputs[given] = run.Bind(given);
        var lengths = test.Tensors.ContainsKey("lengths") ? run.Bind("lengths") : null;
        var results = Results(layer, inputs["x"], lengths, inputs.GetValueOrDefault("hidden"), inputs.GetValueOrDefault("cell"));
        Value? loss = null;
        foreach (var (result, value) in results)
        {
            run.Expect(result, value);
            var term = Reduce.Sum(value * run.Bind("weight_" + result));
            loss = loss is null ? term : loss + term;
        }

        var gradients = run.Graph.Gradients(loss!, [.. inputs.Values]);
        foreach (var (input, i) in inputs.Keys.Select((input, i) => (input, i))) run.Expect("grad_" + input, gradients[i]);
        if (test.Tensors.ContainsKey("grad2_x"))
            run.Expect("grad2_x", run.Graph.Gradients(Reduce.Sum(gradients[inputs.Keys.ToList().IndexOf("x")] * run.BindCopy("x")), [inputs["x"]])[0]);
        run.Check(terms: 64);
        foreach (var parameter in bound) parameter.Tensor = null; // the run frees them
        layer.ReleaseTensors();
    }

    private static Layer LayerOf(JsonElement attributes)
    {
        var cell = Enum.Parse<RecurrentCell>(attributes.GetProperty("cell").GetString()!);
        if (attributes.TryGetProperty("single", out _))
        {
            return cell switch
            {
                RecurrentCell.Lstm => new LstmCell(Inputs, Units),
                RecurrentCell.Gru => new GruCell(Inputs, Units),
                _ => new RnnCell(Inputs, Units, nonlinearity: cell),
            };
        }

        var (layers, bidirectional) = (attributes.GetProperty("layers").GetInt32(), attributes.GetProperty("bidirectional").GetBoolean());
        var (bias, batchFirst) = (attributes.GetProperty("bias").GetBoolean(), attributes.GetProperty("batch_first").GetBoolean());
        return cell switch
        {
            RecurrentCell.Lstm => new Lstm(Inputs, Units, layers, bidirectional, bias: bias, batchFirst: batchFirst),
            RecurrentCell.Gru => new Gru(Inputs, Units, layers, bidirectional, bias: bias, batchFirst: batchFirst),
            _ => new Rnn(Inputs, Units, layers, bidirectional, bias: bias, batchFirst: batchFirst, nonlinearity: cell),
        };
    }

    private static Dictionary<string, Value> Results(Layer layer, Value x, Value? lengths, Value? hidden, Value? cell)
    {
        switch (layer)
        {
            case RnnCell single:
                return new() { ["final_hidden"] = single.Forward(x, hidden) };
            case GruCell single:
                return new() { ["final_hidden"] = single.Forward(x, hidden) };
            case LstmCell single:
                var (h, c) = single.Forward(x, hidden, cell);
                return new() { ["final_hidden"] = h, ["final_cell"] = c };
            case Lstm lstm:
                var states = lstm.Forward(x, lengths, hidden, cell);
                return new() { ["y"] = states.Output, ["final_hidden"] = states.Hidden, ["final_cell"] = states.Cell! };
            default:
                var result = ((RecurrentLayer)layer).Forward(x, lengths, hidden);
                Assert.That(result.Cell, Is.Null);
                return new() { ["y"] = result.Output, ["final_hidden"] = result.Hidden };
        }
    }
}
