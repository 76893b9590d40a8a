namespace DeepNative.Layers;

/// <summary>Shapes, parameters and work of a model, layer by layer; needs no device.</summary>
public sealed class ModelSummary
{
    private ModelSummary(IReadOnlyList<LayerSummary> layers, long all)
    {
        Layers = layers;
        foreach (var layer in layers)
        {
            Parameters += layer.Parameters;
            MultiplyAdds += layer.MultiplyAdds;
        }

        AuxiliaryParameters = all - Parameters;
    }

    /// <summary>
    /// Every layer that computes something itself, in the order of computation; a layer that stands in
    /// several places comes several times.
    /// </summary>
    public IReadOnlyList<LayerSummary> Layers { get; }

    /// <summary>Trained values that evaluation uses; shared ones count once.</summary>
    public long Parameters { get; }

    /// <summary>Trained values of layers that only training passes, as <see cref="AuxiliaryHead"/>.</summary>
    public long AuxiliaryParameters { get; }

    /// <summary>Multiplications with an addition of one forward pass; biases and activations do not count.</summary>
    public long MultiplyAdds { get; }

    /// <summary>Traces the model as in evaluation.</summary>
    /// <param name="model">The model; it needs no tensors.</param>
    /// <param name="inputShape">The shape of one input, without the batch axis.</param>
    /// <param name="batch">Inputs in the batch, at least 1.</param>
    /// <returns>The summary.</returns>
    /// <exception cref="ShapeException">The input does not fit; the layer is named.</exception>
    public static ModelSummary Of(Layer model, Shape inputShape, int batch = 1)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        var graph = new Graph(training: false, "summary");
        var input = graph.Declare(DType.Float32, new Shape(batch).Concat(inputShape), "input");
        var layers = new List<LayerSummary>();
        var seen = new HashSet<Layer>();
        var traces = Layer.Trace(model, input);
        var fields = new ReceptiveFields(input);
        foreach (var trace in traces)
        {
            var (layer, shape, output) = trace;
            var isContainer = layer.Children.Count > 0 && layer.OwnParameterCount == 0;
            if (isContainer) continue;
            layers.Add(new LayerSummary(
                layer.Name, layer.Kind, output, seen.Add(layer) ? layer.OwnParameterCount : 0, layer.MultiplyAdds(shape, output))
            {
                Field = fields.Of(trace.Value!),
            });
        }

        return new ModelSummary(layers, model.ParameterCount());
    }
}
