using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// DeepMask (Pinheiro, Collobert, Dollar: "Learning to segment object candidates", 2015): the mask, whatever the class, of
/// the object at the middle of a window. Features of the whole window pass linear layers of low rank to a coarse mask, which
/// bilinear up-sampling brings to the window's size. Input (N, C, H, W), output (N, classes, H, W) logits: class 1 is the
/// object, 0 the rest, other objects among it.
/// </summary>
/// <remarks>
/// The paper has one number a pixel, which says the same as two classes do, and a second branch with the likelihood that the
/// window is centred on a whole object: it wants windows without one and a target of its own beside the mask, which one
/// loss on one target does not have, so it is left out. The window's size is fixed when the model is made. The children: the
/// trunk's "stage1" ... "stage4", "head", "upsample".
/// </remarks>
public sealed class DeepMask : Layer
{
    // Pixels of the window that are one of the coarse mask, along each axis: 224 to 56 in the paper.
    private const int Stride = 4;

    private readonly Shape _window;
    private readonly MaskStage[] _trunk;
    private readonly Sequential _head;
    private readonly Upsample _upsample;

    private DeepMask(Shape window, int classes, MaskStage[] trunk, int halvings, int reduced, int rank)
    {
        (_window, _trunk) = (window, trunk);
        foreach (var stage in trunk) AddChild(stage.Name, stage.Layer);
        _head = AddChild("head", MaskTrunk.Head(
            trunk[^1].Channels, reduced, window[1] >> halvings, window[2] >> halvings, rank,
            new Shape(classes, window[1] / Stride, window[2] / Stride), Initializer.Normal(0f, 0.01f)));
        _upsample = AddChild("upsample", new Upsample(Stride, UpsampleMode.Linear));
    }

    /// <summary>Seven 3x3 convolutions and three poolings, the trunk of <see cref="SharpMask.CreateSmall"/>: trains on a CPU.</summary>
    /// <param name="input">(C, H, W) of a window, H and W multiples of 8.</param>
    /// <param name="classes">At least 2; 2 for an object and the rest.</param>
    /// <param name="width">Channels of the first convolution, at least 4.</param>
    /// <returns>The model: output (N, classes, H, W) logits.</returns>
    /// <exception cref="ArgumentException">The extents are not such multiples.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public static DeepMask CreateSmall(Shape input, int classes, int width = 16)
    {
        MaskTrunk.Check("DeepMask", input, MaskTrunk.SmallHalvings);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 4);
        return new DeepMask(
            input, classes, MaskTrunk.Small((int)input[0], width), MaskTrunk.SmallHalvings, reduced: 2 * width, rank: 8 * width);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4 || input.Shape.From(1) != _window) throw Mismatch(input.Shape, $"windows (N, {_window[0]}, {_window[1]}, {_window[2]})");
        var value = input;
        foreach (var stage in _trunk) value = stage.Layer.Forward(value);
        return _upsample.Forward(_head.Forward(value));
    }
}
