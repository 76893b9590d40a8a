using System.Globalization;
using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Models;

/// <summary>
/// FCN-32s, 16s and 8s (Long, Shelhamer, Darrell: "Fully convolutional networks for semantic segmentation", 2015):
/// VGG-D whose linear layers are convolutions, 1x1 scores of the classes, and transposed convolutions back to the
/// picture's size, joined on the way with the scores of the fourth and third pooling. Input (N, C, H, W) of any size,
/// output (N, classes, H, W) logits.
/// </summary>
/// <remarks>
/// As the authors' nets: the first convolution pads by 100, poolings round up, maps are cropped where they lie on each
/// other, the intermediate enlargements begin bilinear and are trained, the last one stays bilinear. "features" and
/// "classifier.0", "classifier.3" have the names and shapes of VGG-D, so that its weights can be loaded.
/// </remarks>
public sealed class FcnVgg : Layer
{
    private const int Margin = 100;

    private readonly Sequential _features;
    private readonly Sequential _classifier;
    private readonly Conv2d _score;
    private readonly int _classes;
    private readonly List<(Conv2d Score, ConvTranspose2d Up)> _skips = [];
    private readonly int _stride;

    /// <summary>Creates the net.</summary>
    /// <param name="inputChannels">C, at least 1.</param>
    /// <param name="classes">Classes that a pixel may have, at least 1.</param>
    /// <param name="stride">Of the finest scores: 32, 16 or 8.</param>
    /// <param name="width">Channels of the first stage, at least 1; 64 in the paper.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public FcnVgg(int inputChannels, int classes, int stride, int width = 64)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (stride is not (32 or 16 or 8)) throw new ArgumentOutOfRangeException(nameof(stride), stride, "expected 32, 16 or 8");
        _classes = classes;
        _stride = stride;
        var layers = new List<Layer>();
        var channels = inputChannels;
        ReadOnlySpan<int> depths = [2, 2, 3, 3, 3];
        for (var stage = 0; stage < depths.Length; stage++)
        {
            var outputs = width * Math.Min(1 << stage, 8);
            for (var i = 0; i < depths[stage]; i++)
            {
                layers.Add(new Conv2d(
                    channels, outputs, kernel: 3, padding: layers.Count == 0 ? Margin : 1, weightInitializer: Initializer.HeNormal,
                    biasInitializer: Initializer.Zeros));
                layers.Add(new ReLU());
                channels = outputs;
            }

            layers.Add(new MaxPool2d(2, ceilMode: true));
        }

        var hidden = checked(64 * width);
        _features = AddChild("features", new Sequential([.. layers]));
        _classifier = AddChild("classifier", new Sequential(
            new WindowLinear(channels, hidden, kernel: 7), new ReLU(), new Dropout(0.5f), new WindowLinear(hidden, hidden, kernel: 1), new ReLU(), new Dropout(0.5f)));
        _score = AddChild("score", Score(hidden));
        for (var (pool, skip) = (4, 16); skip >= stride; pool--, skip /= 2)
        {
            var number = pool.ToString(CultureInfo.InvariantCulture);
            var up = AddChild("upscore" + number, new ConvTranspose2d(classes, classes, kernel: 4, stride: 2, bias: false, weightInitializer: Initializer.Bilinear()));
            _skips.Add((AddChild("score_pool" + number, Score(width * Math.Min(1 << (pool - 1), 8))), up));
        }

        // Zeros: every class begins with the same score.
        Conv2d Score(int from) => new(from, classes, kernel: 1, weightInitializer: Initializer.Zeros, biasInitializer: Initializer.Zeros);
    }

    /// <summary>Makes the net for pictures.</summary>
    /// <param name="input">(C, H, W).</param>
    /// <param name="classes">Classes that a pixel may have, at least 1.</param>
    /// <param name="stride">Of the finest scores: 32, 16 or 8.</param>
    /// <param name="width">Channels of the first stage.</param>
    /// <returns>The model: output (N, classes, H, W) logits.</returns>
    /// <exception cref="ArgumentException">The input is not a picture.</exception>
    public static FcnVgg Create(Shape input, int classes, int stride, int width = 64)
    {
        ModelChecks.Picture($"fcn{stride}s-vgg", input);
        return new FcnVgg((int)input[0], classes, stride, width);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");

        // Where element 0 of a map lies in the picture, doubled to stay whole, and how far its neighbour is.
        var pools = new List<(Value Map, int Origin, int Step)>();
        var (value, origin, step) = (input, 2 * (1 - Margin), 1);
        foreach (var layer in _features.Children)
        {
            value = layer.Forward(value);
            if (layer is not MaxPool2d) continue;
            origin += step;
            step *= 2;
            pools.Add((value, origin, step));
        }

        value = _score.Forward(_classifier.Forward(value));
        origin += 6 * step;
        for (var i = 0; i < _skips.Count; i++)
        {
            var (score, up) = _skips[i];
            value = up.Forward(value);
            step /= 2;
            origin -= 3 * step;
            var (map, mapOrigin, _) = pools[3 - i];
            value += Crop(score.Forward(map), (origin - mapOrigin) / 2 / step, value.Shape);
        }

        value = Enlarge(value);
        origin -= 2 * _stride - 1;
        return Crop(value, -origin / 2, input.Shape);
    }

    // A fixed bilinear enlargement, each class for itself.
    private Value Enlarge(Value scores)
    {
        var shape = new Shape(_classes, 1, 2 * _stride, 2 * _stride);
        var weight = new float[shape.Count];
        Initializer.Bilinear(_classes).Fill(weight, shape, new Philox(0));
        return Convolution.Transposed(
            scores, scores.Graph.Constant(weight, shape), geometry: new ConvGeometry { Stride = _stride, Groups = _classes });
    }

    private static Value Crop(Value x, int start, Shape like) =>
        Slice.Narrow(Slice.Narrow(x, 2, start, like[2]), 3, start, like[3]);
}
