using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// How a classifier's layers behave when it slides over pictures: what each met when the model was traced with one
/// window.
/// </summary>
internal sealed class SlidingWindows
{
    private readonly Dictionary<Layer, Shape> _inputs = [];
    private readonly Dictionary<Layer, Shape> _flattened = [];

    /// <summary>Traces a classifier with one window.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="window">(C, H, W).</param>
    public SlidingWindows(Layer model, Shape window)
    {
        var graph = new Graph(training: false, "window");
        Shape? flattened = null;
        Traces = Layer.Trace(model, graph.Declare(DType.Float32, new Shape(1).Concat(window), "input"));
        foreach (var trace in Traces)
        {
            _inputs[trace.Layer] = trace.Input;
            if (trace.Layer is Flatten && trace.Input.Rank == 4) flattened = trace.Input;
            if (trace.Layer is not Linear || flattened is not { } maps) continue;
            if (trace.Input.Rank == 2 && trace.Input[1] == maps.Count) _flattened[trace.Layer] = maps.From(2);
            flattened = null;
        }
    }

    /// <summary>Every layer that the model passed, in order.</summary>
    public IReadOnlyList<LayerTrace> Traces { get; }

    /// <summary>Whether global means are left out and biases with them: what remains tells where a class is.</summary>
    public bool KeepsPlaces { get; init; }

    /// <summary>The extents of the maps that a linear layer joined; (1, 1) where it stands behind another.</summary>
    public PerAxis JoinedBy(Linear layer) =>
        _flattened.TryGetValue(layer, out var extents) ? ((int)extents[0], (int)extents[1]) : (1, 1);

    /// <summary>The mean over as many positions as one window has there, at every place.</summary>
    public Value Average(Layer layer, Value input) => KeepsPlaces ? input : Pooling.Average(input, WindowOf(layer));

    /// <summary>The largest over as many positions as one window has there, at every place.</summary>
    public Value Maximum(Layer layer, Value input) => Pooling.Max(input, WindowOf(layer));

    /// <summary>The spatial extents that the layer met, of one window.</summary>
    public Shape ExtentsAt(Layer layer) => _inputs[layer].From(2);

    private PoolGeometry WindowOf(Layer layer)
    {
        var window = _inputs[layer].From(2);
        return new PoolGeometry(((int)window[0], (int)window[1])) { Stride = 1 };
    }
}
