using DeepNative.Layers;

namespace DeepNative.Tests.Models;

/// <summary>Runs a model once, as in evaluation.</summary>
internal static class DenseRun
{
    public static (float[] Values, Shape Shape) Forward(Layer model, Device device, Shape input, ReadOnlySpan<float> values)
    {
        model.Materialize(device, seed: 1);
        var graph = new Graph(training: false, "forward");
        using var x = new Tensor(device, DType.Float32, input);
        x.Write(values);
        var output = model.Forward(graph.Bind(x, "input"));
        using var y = new Tensor(device, DType.Float32, output.Shape);
        graph.Store(output, y);
        using var program = graph.Compile(device);
        program.Run();
        var result = new float[output.Shape.Count];
        y.Read<float>(result);
        return (result, output.Shape);
    }

    public static float[] Noise(Shape shape, ulong seed)
    {
        var values = new float[shape.Count];
        new Philox(seed).FillNormal(values);
        return values;
    }

    /// <summary>A part of a picture (C, H, W).</summary>
    public static float[] Window(float[] picture, Shape shape, int top, int left, int height, int width)
    {
        var window = new float[shape[0] * height * width];
        for (var i = 0; i < window.Length; i++)
        {
            var (c, y, x) = (i / (height * width), i / width % height, i % width);
            window[i] = picture[(c * shape[1] + top + y) * shape[2] + left + x];
        }

        return window;
    }
}
