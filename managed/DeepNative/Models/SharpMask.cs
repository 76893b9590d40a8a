using System.Globalization;
using DeepNative.Layers;

namespace DeepNative.Models;

/// <summary>
/// SharpMask (Pinheiro, Lin, Collobert, Dollar: "Learning to refine object segments", 2016): <see cref="DeepMask"/> whose
/// head gives a coarse encoding of the mask at the middle of a window, and a <see cref="Refinement"/> for each size
/// of the trunk's features, from the smallest to half the window's, that brings it to the window's size. Input (N, C, H, W),
/// output (N, classes, H, W) logits: class 1 is the object, 0 the rest, other objects among it.
/// </summary>
/// <remarks>
/// Differs from the paper: all layers learn together, where the paper first trains trunk and head with DeepMask's coarse mask
/// and then the refinements alone; the trunk's normalisation is learned, where the paper freezes that of trained weights;
/// convolutions pad by zeros; a skip and a join are one convolution each, as drawn in the paper, where its authors' code
/// has more; two classes stand for one number a pixel. The branch that scores the window is left out, see
/// <see cref="DeepMask"/>. The children: the trunk's, "head", "refine1" ... "refineL", "output".
/// </remarks>
public sealed class SharpMask : Layer
{
    private readonly Shape _window;
    private readonly MaskStage[] _trunk;
    private readonly Sequential _head;
    private readonly Refinement[] _refinements;
    private readonly Conv2d _output;

    private SharpMask(Shape window, int classes, MaskStage[] trunk, int encoding, int reduced, int rank)
    {
        (_window, _trunk) = (window, trunk);
        foreach (var stage in trunk) AddChild(stage.Name, stage.Layer);
        var features = Array.FindAll(trunk, static stage => stage.Channels > 0);
        _refinements = new Refinement[features.Length];
        _head = AddChild("head", MaskTrunk.Head(
            features[^1].Channels, reduced, window[1] >> features.Length, window[2] >> features.Length, rank,
            new Shape(encoding, window[1] >> features.Length, window[2] >> features.Length), Initializer.LeCunNormal));
        var channels = encoding;
        for (var i = 0; i < features.Length; i++)
        {
            _refinements[i] = AddChild(
                "refine" + (i + 1).ToString(CultureInfo.InvariantCulture), new Refinement(channels, features[^(i + 1)].Channels, channels / 2));
            channels /= 2;
        }

        _output = AddChild("output", new Conv2d(
            channels, classes, kernel: 3, padding: 1, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros));
    }

    /// <summary>
    /// The paper's net: ResNet-50 up to its last stage but one, 160 x 160 windows, encodings of 32, 16, 8, 4 and 2 channels. The
    /// trunk has ResNet-50's names, so that its weights can be loaded.
    /// </summary>
    /// <param name="input">(C, H, W) of a window, H and W multiples of 16.</param>
    /// <param name="classes">At least 2; 2 for an object and the rest.</param>
    /// <param name="width">Factor of the trunk's channels.</param>
    /// <returns>The model: output (N, classes, H, W) logits.</returns>
    /// <exception cref="ArgumentException">The extents are not such multiples.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public static SharpMask Create(Shape input, int classes, double width = 1)
    {
        MaskTrunk.Check("SharpMask", input, MaskTrunk.ResidualHalvings);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        return new SharpMask(input, classes, MaskTrunk.Residual((int)input[0], width), encoding: 32, reduced: 128, rank: 512);
    }

    /// <summary>Seven 3x3 convolutions and three poolings, batch-normalised, and three refinements: trains on a CPU.</summary>
    /// <param name="input">(C, H, W) of a window, H and W multiples of 8.</param>
    /// <param name="classes">At least 2; 2 for an object and the rest.</param>
    /// <param name="width">Channels of the first convolution, at least 4.</param>
    /// <returns>The model: output (N, classes, H, W) logits.</returns>
    /// <exception cref="ArgumentException">The extents are not such multiples.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public static SharpMask CreateSmall(Shape input, int classes, int width = 16)
    {
        MaskTrunk.Check("SharpMask", input, MaskTrunk.SmallHalvings);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 4);
        return new SharpMask(
            input, classes, MaskTrunk.Small((int)input[0], width), encoding: 2 * width, reduced: 2 * width, rank: 8 * width);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4 || input.Shape.From(1) != _window) throw Mismatch(input.Shape, $"windows (N, {_window[0]}, {_window[1]}, {_window[2]})");
        var value = input;
        var features = new Stack<Value>();
        foreach (var stage in _trunk)
        {
            value = stage.Layer.Forward(value);
            if (stage.Channels > 0) features.Push(value);
        }

        value = _head.Forward(value);
        foreach (var refinement in _refinements) value = refinement.Forward(value, features.Pop());
        return _output.Forward(value);
    }
}
