using DeepNative.Data;
using DeepNative.Layers;

namespace DeepNative.Training;

/// <summary>
/// The first stage of every program: raw inputs to float32, normalised. It reads bytes directly, so that
/// a batch crosses to the device as bytes.
/// </summary>
internal sealed class InputNormalizer : Layer
{
    /// <summary>A byte b stands for b / 255.</summary>
    public const float ByteUnit = 255f;

    private readonly Normalization _normalization;
    private readonly float _unit;
    private readonly Parameter? _mean;
    private readonly Parameter? _scale;

    public InputNormalizer(Normalization? normalization, DType inputType)
    {
        _normalization = normalization ?? new Normalization([0f], [1f]);
        _unit = inputType == DType.UInt8 ? ByteUnit : 1f;
        if (_normalization.Channels == 1) return;
        var shape = new Shape(_normalization.Channels, 1, 1);
        _mean = AddParameter("mean", shape, new Values(channel => RawMean(channel)), trainable: false);
        _scale = AddParameter("scale", shape, new Values(channel => RawScale(channel)), trainable: false);
    }

    public override string Kind => "Normalization";

    /// <summary>Mean and factor of a channel of raw inputs, of which `unit` stands for 1.</summary>
    public static (float Mean, float Scale) Raw(Normalization? normalization, int channel, float unit)
    {
        if (normalization is null) return (0f, 1f / unit);
        if (normalization.Channels == 1) channel = 0;
        return (unit * normalization.Mean[channel], 1f / (unit * normalization.Deviation[channel]));
    }

    protected override Value Build(Value input)
    {
        var graph = input.Graph;
        if (_mean is not null && _scale is not null)
        {
            if (input.Shape.Rank != 4 || input.Shape[1] != _normalization.Channels)
                throw Mismatch(input.Shape, $"(N, {_normalization.Channels}, H, W)");
            return (input - graph.Parameter(_mean)) * graph.Parameter(_scale);
        }

        if (input.DType == DType.Float32 && RawMean(0) == 0f && RawScale(0) == 1f) return input;
        return (input - RawMean(0)) * RawScale(0);
    }

    private float RawMean(int channel) => Raw(_normalization, channel, _unit).Mean;

    private float RawScale(int channel) => Raw(_normalization, channel, _unit).Scale;

    private sealed class Values(Func<int, float> value) : Initializer
    {
        public override void Fill(Span<float> values, Shape shape, Philox random)
        {
            for (var i = 0; i < values.Length; i++) values[i] = value(i);
        }
    }
}
