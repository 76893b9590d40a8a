namespace DeepNative.Layers;

/// <summary>
/// Where in a picture a classifier sees its classes (Zhou, Khosla, Lapedriza, Oliva, Torralba: "Learning deep features
/// for discriminative localization", 2016): the last maps, weighted by the classes' rows of the linear layer that
/// follows their global mean. Input (N, C, H, W), output (N, classes, P, Q) on the grid of the last maps; their mean
/// over P and Q is the class's score without its bias.
/// </summary>
/// <remarks>The parameters are the classifier's own, under their own names: its files of weights are loaded as they are.</remarks>
public sealed class ClassActivationMap : Layer
{
    private readonly Layer _model;
    private readonly SlidingWindows _windows;

    private ClassActivationMap(Layer model, SlidingWindows windows)
    {
        _model = model;
        _windows = windows;
        AddModel(model);
    }

    /// <summary>Makes the layer.</summary>
    /// <param name="model">A classifier that ends with a global mean and at most one linear layer; it may go on being used as it is.</param>
    /// <param name="inputShape">(C, H, W) of its pictures.</param>
    /// <returns>The layer.</returns>
    /// <exception cref="ArgumentException">The model ends otherwise; the message says what stands there.</exception>
    /// <exception cref="ShapeException">The model does not take such pictures.</exception>
    public static ClassActivationMap Of(Layer model, Shape inputShape)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (inputShape.Rank != 3) throw new ArgumentException($"a picture is (C, H, W), not {inputShape}.", nameof(inputShape));
        var windows = new SlidingWindows(model, inputShape) { KeepsPlaces = true };
        var isBehindMean = false;
        var linear = 0;
        foreach (var (layer, _, _) in windows.Traces)
        {
            if (layer is GlobalAvgPool or AdaptiveAvgPool2d { IsGlobal: true }) (isBehindMean, linear) = (true, 0);
            else if (layer is Linear) linear++;
            else if (isBehindMean && layer.Children.Count == 0 && layer is not (Flatten or Dropout or Dropout2d or Identity))
                throw new ArgumentException($"layer {layer} stands behind the global mean; a class activation map needs a linear layer alone there.", nameof(model));
        }

        if (!isBehindMean || linear > 1)
            throw new ArgumentException($"the model ends with {linear} linear layers behind {(isBehindMean ? "a" : "no")} global mean; a class activation map needs a global mean and one linear layer.", nameof(model));
        return new ClassActivationMap(model, windows);
    }

    /// <summary>Spreads a map over a picture, bilinearly between the middles of its cells.</summary>
    /// <param name="map">(P, Q), row-major.</param>
    /// <param name="columns">Q, at least 1.</param>
    /// <param name="height">The picture's height, at least 1.</param>
    /// <param name="width">The picture's width, at least 1.</param>
    /// <returns>(height, width), row-major.</returns>
    /// <exception cref="ArgumentException">The map is not of whole rows.</exception>
    public static float[] Spread(ReadOnlySpan<float> map, int columns, int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (map.IsEmpty || map.Length % columns != 0) throw new ArgumentException($"{map.Length} numbers are not whole rows of {columns}.", nameof(map));
        var rows = map.Length / columns;
        var result = new float[height * width];
        for (var y = 0; y < height; y++)
        {
            var (top, bottom, down) = Between(y, height, rows);
            for (var x = 0; x < width; x++)
            {
                var (left, right, across) = Between(x, width, columns);
                var above = map[top * columns + left] * (1f - across) + map[top * columns + right] * across;
                var below = map[bottom * columns + left] * (1f - across) + map[bottom * columns + right] * across;
                result[y * width + x] = above * (1f - down) + below * down;
            }
        }

        return result;

        static (int First, int Second, float Part) Between(int place, int extent, int cells)
        {
            var position = Math.Clamp((place + 0.5f) * cells / extent - 0.5f, 0f, cells - 1);
            var first = (int)position;
            return (first, Math.Min(first + 1, cells - 1), position - first);
        }
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        return SlideOver(_model, input, _windows);
    }
}
