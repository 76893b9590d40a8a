using System.Text.Json;
using DeepNative.Layers;
using DeepNative.Operators;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Golden;

/// <summary>The convolution layers against PyTorch, whose weights they take as they are.</summary>
internal sealed class ConvolutionGoldenTests
{
    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("convolution");

    [Test]
    public void Values_and_gradients_are_PyTorchs(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Cases))] GoldenCase test)
    {
        using var run = new GoldenRun(TestDevices.Get(device), test);
        var layer = LayerOf(test);
        layer.Materialize(TestDevices.Get(device), seed: 1);
        foreach (var parameter in layer.Parameters())
        {
            Assert.That(parameter.Shape, Is.EqualTo(test[parameter.Name].Shape), parameter.Name);
            TensorNumbers.Write(parameter.Tensor!, test[parameter.Name].Numbers);
        }

        var x = run.Bind("x");
        var y = layer.Forward(x);
        Value[] sources = [x, .. layer.Parameters().Select(run.Graph.Parameter)];
        var gradients = run.Graph.Gradients(Reduce.Sum(y * run.Bind("loss_weight")), sources);
        run.Expect("y", y);
        run.Expect("grad_x", gradients[0]);
        run.Expect("grad_weight", gradients[1]);
        run.Expect("grad_bias", gradients[2]);
        run.Check(terms: 256);
        layer.ReleaseTensors();
    }

    private static Layer LayerOf(GoldenCase test)
    {
        var (inputs, weight) = ((int)test["x"].Shape[1], test["weight"].Shape);
        var outputs = (int)test["bias"].Shape[0];
        var kernel = GoldenAttributes.PerAxis(weight.From(2).ToArray());
        var a = new GoldenAttributes(test.Attributes);
        var (stride, dilation, padding, groups) = (a.Numbers("stride", 1), a.Numbers("dilation", 1), a.PaddingOr0(), a.Number("groups", 1));
        var extra = a.Numbers("output_padding", 0);
        return a.Layer switch
        {
            "Conv1d" => new Conv1d(inputs, outputs, kernel[0], stride[0], padding, dilation[0], groups),
            "Conv2d" => new Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups),
            "Conv3d" => new Conv3d(inputs, outputs, kernel, stride, padding, dilation, groups),
            "DepthwiseConv2d" => new DepthwiseConv2d(inputs, kernel, stride, padding, dilation, outputs / inputs),
            "ConvTranspose1d" => new ConvTranspose1d(inputs, outputs, kernel[0], stride[0], padding, extra[0], groups, dilation: dilation[0]),
            "ConvTranspose2d" => new ConvTranspose2d(inputs, outputs, kernel, stride, padding, extra, groups, dilation: dilation),
            var other => throw new InvalidDataException(other),
        };
    }
}

/// <summary>Reads what PyTorch's functions were called with.</summary>
internal sealed class GoldenAttributes(JsonElement attributes)
{
    public string Layer => attributes.GetProperty("layer").GetString()!;

    public static PerAxis PerAxis(long[] numbers) => numbers.Length switch
    {
        1 => (int)numbers[0],
        2 => ((int)numbers[0], (int)numbers[1]),
        _ => ((int)numbers[0], (int)numbers[1], (int)numbers[2]),
    };

    public int Number(string name, int other) => attributes.TryGetProperty(name, out var found) ? found.GetInt32() : other;

    public bool Flag(string name, bool other) => attributes.TryGetProperty(name, out var found) ? found.GetBoolean() : other;

    public PerAxis Numbers(string name, int other) =>
        attributes.TryGetProperty(name, out var found) ? Numbers(found) : other;

    public Padding PaddingOr0()
    {
        var found = attributes.TryGetProperty("padding", out var padding);
        if (!found) return 0;
        return padding.ValueKind switch
        {
            JsonValueKind.String => Padding.Same,
            JsonValueKind.Object => new Padding(Numbers(padding.GetProperty("begin")), Numbers(padding.GetProperty("end"))),
            _ => Numbers(padding),
        };
    }

    private static PerAxis Numbers(JsonElement found) =>
        found.ValueKind == JsonValueKind.Array ? PerAxis([.. found.EnumerateArray().Select(n => n.GetInt64())]) : found.GetInt32();
}
