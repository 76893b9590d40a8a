using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Tests.Golden;

/// <summary>The pooling layers against PyTorch.</summary>
internal sealed class PoolingGoldenTests
{
    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("pooling");

    [Test]
    public void Values_and_gradients_are_PyTorchs(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Cases))] GoldenCase test)
    {
        using var run = new GoldenRun(TestDevices.Get(device), test);
        var a = new GoldenAttributes(test.Attributes);
        var x = run.Bind("x");
        var kernel = a.Numbers("kernel_size", 1);
        if (a.Layer == "MaxUnpool2d")
        {
            var pool = new MaxPool2d(kernel, padding: a.PaddingOr0());
            var scale = run.Bind("scale");
            Expect(run, new MaxUnpool2d(pool).Forward(pool.Forward(x) * scale), ("grad_x", x), ("grad_scale", scale));
        }
        else
        {
            var layer = LayerOf(a, kernel);
            Expect(run, layer.Forward(x), ("grad_x", x));
        }

        run.Check();
    }

    private static void Expect(GoldenRun run, Value y, params (string Name, Value Source)[] sources)
    {
        run.Expect("y", y);
        var gradients = run.Graph.Gradients(Reduce.Sum(y * run.Bind("loss_weight")), Array.ConvertAll(sources, source => source.Source));
        for (var i = 0; i < sources.Length; i++) run.Expect(sources[i].Name, gradients[i]);
    }

    private static Layer LayerOf(GoldenAttributes a, PerAxis kernel)
    {
        var stride = a.Numbers("stride", 0) is var given && given != 0 ? given : kernel;
        var (padding, ceilMode, countPadding) = (a.PaddingOr0(), a.Flag("ceil_mode", false), a.Flag("count_include_pad", true));
        return a.Layer switch
        {
            "MaxPool1d" => new MaxPool1d(kernel[0], stride[0], padding, ceilMode),
            "MaxPool2d" => new MaxPool2d(kernel, stride, padding, ceilMode),
            "AvgPool1d" => new AvgPool1d(kernel[0], stride[0], padding, countPadding, ceilMode),
            "AvgPool2d" => new AvgPool2d(kernel, stride, padding, countPadding, ceilMode),
            "GlobalAvgPool" => new GlobalAvgPool(),
            "GlobalMaxPool" => new GlobalMaxPool(),
            var other => throw new InvalidDataException(other),
        };
    }
}
