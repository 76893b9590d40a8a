namespace DeepNative.Layers;

/// <summary>
/// A classifier of pictures as a window that slides over larger ones (Sermanet et al.: "OverFeat", 2014; Long,
/// Shelhamer, Darrell: "Fully convolutional networks for semantic segmentation", 2015): a linear layer (K, C * H * W)
/// is a convolution of the window (K, C, H, W), a global mean one over as many positions as the classifier's own.
/// Input (N, C, H, W) of the classifier's size or larger, output (N, classes, P, Q): its scores at each place, a step
/// of all its strides apart. For a picture of its own size P = Q = 1.
/// </summary>
/// <remarks>
/// The parameters are the classifier's own, under their own names: its files of weights are loaded as they are. Where
/// the classifier pads, a window sees the picture around it in place of the zeros.
/// </remarks>
public sealed class FullyConvolutional : Layer
{
    private readonly Layer _model;
    private readonly SlidingWindows _windows;

    private FullyConvolutional(Layer model, SlidingWindows windows)
    {
        _model = model;
        _windows = windows;
        AddModel(model);
    }

    /// <summary>Makes the layer.</summary>
    /// <param name="model">The classifier; it may go on being used as it is.</param>
    /// <param name="window">(C, H, W) of the pictures that it was made for.</param>
    /// <returns>The layer.</returns>
    /// <exception cref="ArgumentException">The model gives no scores of classes for a picture, or has a layer that cannot slide.</exception>
    /// <exception cref="ShapeException">The model does not take such pictures, or a layer cannot slide; it is named.</exception>
    public static FullyConvolutional Of(Layer model, Shape window)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (window.Rank != 3) throw new ArgumentException($"a window is (C, H, W), not {window}.", nameof(window));
        var windows = new SlidingWindows(model, window);
        var output = windows.Traces[0].Output;
        if (output.Rank != 2) throw new ArgumentException($"the model gives {output} for a picture of {window}, expected the scores (1, classes) of a classifier.", nameof(model));
        var sliding = new FullyConvolutional(model, windows);
        var trial = sliding.Forward(new Graph(training: false, "trial").Declare(DType.Float32, new Shape(1).Concat(window), "input"));
        if (trial.Shape != output.Concat([1, 1]))
            throw new ArgumentException($"the model gives {trial.Shape} as a window, expected {output.Concat([1, 1])}: it joins maps by something else than Flatten and Linear.", nameof(model));
        return sliding;
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        return SlideOver(_model, input, _windows);
    }
}
