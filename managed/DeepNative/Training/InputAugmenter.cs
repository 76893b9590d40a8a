using DeepNative.Data;
using DeepNative.Operators;

namespace DeepNative.Training;

/// <summary>
/// What training programs do to a batch before the model sees it. Its random state lives on the device and belongs to the
/// run, so that a step needs nothing from the host and a resumed run goes on to the bit.
/// </summary>
internal sealed class InputAugmenter : IDisposable
{
    // Away from the parameters' streams, which count up, and those of random layers, which count down.
    private const uint KeyStream = 0x40000000;

    // Masks with weights: a label is a byte, the last of them stands for outside.
    private const int OutsideLabel = 255;
    private const float LabelStep = 256f;
    private const float WeightSteps = 65535f;

    private readonly Augmentation _augmentation;
    private readonly float[]? _parts;

    public InputAugmenter(Device device, Augmentation augmentation, ulong seed)
    {
        _augmentation = augmentation;
        if (augmentation.Mixup > 0f) _parts = BetaQuantiles.Symmetric(augmentation.Mixup);
        var random = new Philox(seed, KeyStream);
        State = new Tensor(device, DType.Int64, new Shape(2L));
        State.Write<long>([(long)random.NextUInt32() | (long)random.NextUInt32() << 32, 0L]);
    }

    /// <summary>{key, offset}: (2), Int64.</summary>
    public Tensor State { get; }

    /// <summary>Whether bytes go through <see cref="ImageDecode"/>; else only whole batches are mixed.</summary>
    public bool Decodes => (_augmentation with { Mixup = 0f }).OnDevice;

    // Pixels move, and with them what belongs to them.
    private bool Moves =>
        _augmentation.Samples || _augmentation.Padding > 0 || _augmentation.WindowHeight > 0 || _augmentation.WindowWidth > 0
        || _augmentation.Flip > 0f || _augmentation.VerticalFlip > 0f;

    /// <summary>Whether the targets have a class for each pixel, which then move with the pixels.</summary>
    private static bool IsMask(Shape input, Shape target, DType type) =>
        input.Rank == 3 && target == new Shape(input[1], input[2]) && (type is DType.UInt8 or DType.Int32);

    /// <exception cref="ArgumentException">These examples cannot be varied so.</exception>
    public void Check(IExampleSource data)
    {
        if (!Decodes) return;
        var input = data.InputShape;
        if (data.InputType != DType.UInt8 || input.Rank != 3 || input[0] is < 1 or > 4)
        {
            throw new ArgumentException(
                $"{data.Name}: inputs are {data.InputType} {input}; augmentation ({_augmentation}) takes pictures of bytes, (C, H, W) of 1 to 4 "
                + "channels.", nameof(data));
        }

        if (!Moves) return;
        if (data.TargetShape.Rank > 1 && !IsMask(input, data.TargetShape, data.TargetType))
        {
            throw new ArgumentException(
                $"{data.Name}: targets are {data.TargetType} {data.TargetShape}; augmentation ({_augmentation}) moves pixels, and of targets with "
                + "extents only masks of class indices, (H, W), move with them.", nameof(data));
        }

        if (data.WeightShape is { Rank: > 0 } weights && weights != data.TargetShape)
        {
            throw new ArgumentException(
                $"{data.Name}: weights of {weights} would not move with the pixels ({_augmentation}); only those of a mask's shape do.",
                nameof(data));
        }

        if (data.WeightShape is { Rank: > 0 } && data.MaxLabel >= OutsideLabel)
        {
            throw new ArgumentException(
                $"{data.Name}: label {data.MaxLabel} of masks with weights, expected less than {OutsideLabel} ({_augmentation}).", nameof(data));
        }
    }

    /// <summary>Bytes as the model's input, varied, and what belongs to them.</summary>
    /// <param name="raw">(N, C, H, W), UInt8.</param>
    /// <param name="target">Of the batch.</param>
    /// <param name="weight">Of the targets; null: they have none.</param>
    /// <param name="normalization">As <see cref="InputSpec"/> says.</param>
    /// <param name="outside">The class outside of masks.</param>
    public (Value Input, Value Target, Value? Weight) Decode(Value raw, Value target, Value? weight, Normalization? normalization, int outside)
    {
        var channels = (int)raw.Shape[1];
        var (mean, scale) = (new float[channels], new float[channels]);
        for (var channel = 0; channel < channels; channel++)
            (mean[channel], scale[channel]) = InputNormalizer.Raw(normalization, channel, InputNormalizer.ByteUnit);
        var state = raw.Graph.Bind(State, "augmentation");
        if (!IsMask(raw.Shape.From(1), target.Shape.From(1), target.DType))
            return (ImageDecode.Apply(raw, mean, scale, _augmentation, state), target, weight);
        Value input;
        if (weight is null || weight.Shape != target.Shape)
        {
            (input, target) = ImageDecode.ApplyWithMasks(raw, target, mean, scale, _augmentation, state, outside);
            return (input, target, weight);
        }

        // One mask of both, so that both move alike: the weight, of 65535 steps up to the batch's largest, times 256,
        // plus the label. Float32, in which expressions are computed, holds it exactly.
        var most = Reduce.Max(weight);
        var steps = Pointwise.Floor(weight / Pointwise.Maximum(most, raw.Graph.Constant(1e-30f)) * WeightSteps + 0.5f);
        var packed = Pointwise.Cast(steps * LabelStep + Pointwise.Cast(target, DType.Float32), DType.Int32);
        (input, packed) = ImageDecode.ApplyWithMasks(raw, packed, mean, scale, _augmentation, state, OutsideLabel);
        var numbers = Pointwise.Cast(packed, DType.Float32);
        steps = Pointwise.Floor(numbers / LabelStep);
        var label = numbers - steps * LabelStep;
        label = Pointwise.Select(Pointwise.Equal(label, raw.Graph.Constant(OutsideLabel)), raw.Graph.Constant(outside), label);
        return (input, Pointwise.Cast(label, DType.Int32), steps * (1f / WeightSteps) * most);
    }

    /// <summary>A batch mixed with itself; null: it is not to be.</summary>
    public Mixture? Mix(Value input)
    {
        if (_parts is null) return null;
        var graph = input.Graph;
        // A table of the inverse distribution: a uniform number picks an entry.
        var uniform = Operators.Random.Uniform(graph.Bind(State, "augmentation"), [1], 0f, _parts.Length);
        var entry = Pointwise.Cast(Pointwise.Floor(uniform), DType.Int32);
        var part = Reshape.To(Gather.Rows(graph.Constant(_parts, [_parts.Length, 1]), entry), Shape.Scalar);
        return new Mixture(part, part * input + (1f - part) * Mixture.Roll(input));
    }

    public void Dispose() => State.Dispose();
}

/// <summary>A batch mixed with itself, moved by one example (Zhang et al. 2018).</summary>
internal sealed class Mixture(Value part, Value input)
{
    /// <summary>part * x + (1 - part) * rolled x.</summary>
    public Value Input => input;

    /// <summary>Every example the next, the last the first.</summary>
    public static Value Roll(Value x) => x.Shape[0] < 2 ? x : Concat.Along(0, Slice.Along(x, 0, 1, x.Shape[0]), Slice.Along(x, 0, 0, 1));

    /// <summary>The mixture of the losses of both.</summary>
    public Value Mix(Value loss, Value rolledLoss) => part * loss + (1f - part) * rolledLoss;
}
