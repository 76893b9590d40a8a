using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Tests.Golden;

/// <summary>Padding, shuffles, repetitions and broadcast products beside PyTorch's.</summary>
internal sealed class RearrangementsGoldenTests
{
    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("rearrangements");

    [Test]
    public void Values_and_gradients_are_PyTorchs(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Cases))] GoldenCase test)
    {
        using var run = new GoldenRun(TestDevices.Get(device), test);
        string[] names = test.Tensors.ContainsKey("a") ? ["a", "b"] : ["x"];
        var inputs = Array.ConvertAll(names, name => run.Bind(name));
        var y = inputs.Length == 2 ? MatMul.Multiply(inputs[0], inputs[1]) : Apply(test, inputs[0]);
        run.Expect("y", y);
        var gradients = run.Graph.Gradients(Reduce.Sum(y * run.Bind("loss_weight")), inputs);
        for (var i = 0; i < names.Length; i++) run.Expect("grad_" + names[i], gradients[i]);
        run.Check();
    }

    private static Value Apply(GoldenCase test, Value x)
    {
        var kind = test.Attributes.GetProperty("layer").GetString()!;
        int[] sides = test.Attributes.TryGetProperty("sides", out var found) ? [.. found.EnumerateArray().Select(n => n.GetInt32())] : [];
        var factor = test.Attributes.TryGetProperty("factor", out var number) ? number.GetInt32() : 0;
        return (kind, sides) switch
        {
            ("constant", [var left, var right]) => new ZeroPad1d(left, right).Forward(x),
            ("reflect", [var left, var right]) => new ReflectionPad1d(left, right).Forward(x),
            ("replicate", [var left, var right]) => new ReplicationPad1d(left, right).Forward(x),
            ("constant", [var left, var right, var top, var bottom]) => new ZeroPad2d(left, right, top, bottom).Forward(x),
            ("reflect", [var left, var right, var top, var bottom]) => new ReflectionPad2d(left, right, top, bottom).Forward(x),
            ("replicate", [var left, var right, var top, var bottom]) => new ReplicationPad2d(left, right, top, bottom).Forward(x),
            ("PixelShuffle", _) => new PixelShuffle(factor).Forward(x),
            ("PixelUnshuffle", _) => new PixelUnshuffle(factor).Forward(x),
            ("ChannelShuffle", _) => new ChannelShuffle(factor).Forward(x),
            ("tile", _) => Repeat.Tile(x, 1, factor),
            ("repeat", _) => Repeat.Elements(x, 1, factor),
            _ => throw new ArgumentException(kind),
        };
    }
}
