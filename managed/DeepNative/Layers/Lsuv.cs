using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Layer-sequential unit variance (Mishkin, Matas: "All you need is a good init", 2016): weights become
/// orthonormal, and then, from the first layer to the last, are divided by the deviation of their layer's output
/// for a batch of real inputs until that is about 1.
/// </summary>
public static class Lsuv
{
    private const string Weight = "weight";

    /// <summary>
    /// Changes the weights of all layers that have a trained "weight" of rank 2 or more of their own (fully connected,
    /// convolutional). Layers run as in evaluation: without dropout, and batch norm by its running statistics.
    /// </summary>
    /// <param name="model">The model; it gets tensors on the batch's device where it has none.</param>
    /// <param name="batch">Inputs as the model takes them, float32 (N, ...); the more, the better the variances.</param>
    /// <param name="seed">Of the orthonormal weights and of first values.</param>
    /// <param name="orthonormal">Whether weights are drawn anew first; else only their size changes.</param>
    /// <param name="tolerance">How far from 1 a variance may stay; above 0.</param>
    /// <param name="scalings">How often one layer's weights are divided at most; biases keep once from being enough.</param>
    /// <returns>One result a layer, in their order.</returns>
    /// <exception cref="ShapeException">The batch does not fit the model; the layer is named.</exception>
    /// <exception cref="InvalidOperationException">A layer's output is constant or not finite; the layer is named.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public static IReadOnlyList<LsuvResult> Apply(
        Layer model, Tensor batch, ulong seed = 0, bool orthonormal = true, double tolerance = 0.1, int scalings = 10)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tolerance);
        ArgumentOutOfRangeException.ThrowIfLessThan(scalings, 1);
        model.Materialize(batch.Device, seed);
        var graph = new Graph(training: false, "unit variance");
        var found = new List<(Layer Layer, Parameter Weight, Value Output)>();
        foreach (var trace in Layer.Trace(model, graph.Bind(batch, "batch")))
        {
            if (trace.Layer.OwnParameter(Weight) is not { Shape.Rank: >= 2 } weight || trace.Value is not { } output) continue;
            if (!found.Exists(other => other.Layer == trace.Layer)) found.Add((trace.Layer, weight, output));
        }

        if (orthonormal)
        {
            for (var i = 0; i < found.Count; i++) Change(found[i].Weight, values => Orthonormal(values, found[i].Weight.Shape, seed, (uint)i));
        }

        return found.ConvertAll(entry => Scale(batch, model, entry.Layer, entry.Weight, tolerance, scalings));
    }

    private static LsuvResult Scale(Tensor batch, Layer model, Layer layer, Parameter weight, double tolerance, int most)
    {
        using var measured = new Tensor(batch.Device, DType.Float32, Shape.Scalar);
        using var program = Measure(batch, model, layer, measured);
        for (var scalings = 0; ; scalings++)
        {
            program.Run();
            var variance = (double)measured.ToArray<float>()[0];
            if (!(variance > 0) || !double.IsFinite(variance))
                throw new InvalidOperationException($"the output of layer {layer} has variance {variance}; its weights cannot be scaled to 1.");
            if (Math.Abs(variance - 1) <= tolerance || scalings == most) return new LsuvResult(layer.Name, variance, scalings);
            var factor = (float)(1 / Math.Sqrt(variance));
            Change(weight, values =>
            {
                foreach (ref var value in values.AsSpan()) value *= factor;
            });
        }
    }

    // Only what the layer's output needs is compiled.
    private static CompiledProgram Measure(Tensor batch, Layer model, Layer layer, Tensor result)
    {
        var graph = new Graph(training: false, $"variance of {layer}");
        Value? output = null;
        foreach (var trace in Layer.Trace(model, graph.Bind(batch, "batch")))
            if (trace.Layer == layer) output ??= trace.Value;
        var difference = output! - Reduce.Mean(output!);
        graph.Store(Reduce.Mean(difference * difference), result);
        return graph.Compile(batch.Device);
    }

    private static void Orthonormal(float[] values, Shape shape, ulong seed, uint stream) =>
        Initializer.Orthogonal().Fill(values, shape, new Philox(seed, stream));

    private static void Change(Parameter parameter, Action<float[]> change)
    {
        var values = parameter.Tensor!.ToArray<float>();
        change(values);
        parameter.Tensor!.Write<float>(values);
    }
}
