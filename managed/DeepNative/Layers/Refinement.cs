using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A step from a coarse encoding of a mask to one of twice the size (Pinheiro, Lin, Collobert, Dollar: "Learning to
/// refine object segments", 2016): the features of the same size, made few by a 3x3 convolution, are joined with the
/// encoding, a 3x3 convolution mixes both, and bilinear up-sampling doubles the extents. Inputs (N, M, H, W) and
/// (N, F, H, W), output (N, outputs, 2H, 2W).
/// </summary>
/// <remarks>
/// ReLU stands behind both convolutions, which pad by zeros; the paper pads by mirrored elements. The children: "skip",
/// "skip_relu", "join", "join_relu", "upsample".
/// </remarks>
public sealed class Refinement : Layer
{
    private readonly int _encodingChannels;
    private readonly int _featureChannels;
    private readonly Conv2d _skip;
    private readonly ReLU _skipReLU;
    private readonly Conv2d _join;
    private readonly ReLU _joinReLU;
    private readonly Upsample _upsample;

    /// <summary>Creates the layer.</summary>
    /// <param name="encodingChannels">M, at least 1.</param>
    /// <param name="featureChannels">F, at least 1.</param>
    /// <param name="outputs">Channels of the next encoding, at least 1; half of M in the paper.</param>
    /// <param name="skipChannels">Channels that the features are brought to, at least 1; null: M, as in the paper.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    public Refinement(int encodingChannels, int featureChannels, int outputs, int? skipChannels = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(encodingChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(featureChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1);
        var skips = skipChannels ?? encodingChannels;
        ArgumentOutOfRangeException.ThrowIfLessThan(skips, 1, nameof(skipChannels));
        (_encodingChannels, _featureChannels) = (encodingChannels, featureChannels);
        _skip = AddChild("skip", Convolve(featureChannels, skips));
        _skipReLU = AddChild("skip_relu", new ReLU());
        _join = AddChild("join", Convolve(checked(encodingChannels + skips), outputs));
        _joinReLU = AddChild("join_relu", new ReLU());
        _upsample = AddChild("upsample", new Upsample(2, UpsampleMode.Linear));

        static Conv2d Convolve(int from, int to) =>
            new(from, to, kernel: 3, padding: 1, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros);
    }

    /// <summary>Adds the step to a graph.</summary>
    /// <param name="encoding">(N, M, H, W), of the whole mask.</param>
    /// <param name="features">(N, F, H, W), what the way down had at this size.</param>
    /// <returns>(N, outputs, 2H, 2W).</returns>
    /// <exception cref="ShapeException">A shape does not fit; the text names layer, found and expected.</exception>
    public Value Forward(Value encoding, Value features)
    {
        ArgumentNullException.ThrowIfNull(encoding);
        ArgumentNullException.ThrowIfNull(features);
        return Scoped(encoding, () => Refine(encoding, features));
    }

    /// <summary>Refuses: the layer takes two inputs.</summary>
    /// <param name="input">The encoding alone.</param>
    /// <returns>Nothing.</returns>
    /// <exception cref="InvalidOperationException">Always.</exception>
    protected override Value Build(Value input) =>
        throw new InvalidOperationException($"layer {this} takes two inputs, the encoding and the features: call Forward(encoding, features).");

    private Value Refine(Value encoding, Value features)
    {
        if (encoding.Shape.Rank != 4 || encoding.Shape[1] != _encodingChannels)
            throw Mismatch(encoding.Shape, $"an encoding (N, {_encodingChannels}, H, W)");
        var expected = encoding.Shape.With(1, _featureChannels);
        if (features.Shape != expected) throw Mismatch(features.Shape, $"features {expected} beside an encoding {encoding.Shape}");
        var skip = _skipReLU.Forward(_skip.Forward(features));
        return _upsample.Forward(_joinReLU.Forward(_join.Forward(Concat.Along(1, encoding, skip))));
    }
}
