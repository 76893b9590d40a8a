using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Models;

/// <summary>
/// Two convolutions of 3 x 3, or a bottleneck of 1 x 1, 3 x 3 and four times as many 1 x 1, and their shortcut; named as in
/// torchvision: "conv1", "bn1", ..., "downsample.0", "downsample.1".
/// </summary>
internal sealed class ResidualBlock : Layer
{
    private const int Expansion = 4;

    private readonly Layer[] _body;
    private readonly Layer _last;
    private readonly Sequential? _projection;
    private readonly ResidualShortcut _shortcut;
    private readonly int _stride;

    public ResidualBlock(int inputs, int channels, int stride, bool bottleneck, ResNetOptions options)
    {
        (_stride, _shortcut) = (stride, options.Shortcut);
        Channels = bottleneck ? channels * Expansion : channels;
        var convolutions = bottleneck
            ? options.StrideInWindow
                ? [Convolve(inputs, channels, 1, 1), Convolve(channels, channels, 3, stride), Convolve(channels, Channels, 1, 1)]
                : [Convolve(inputs, channels, 1, stride), Convolve(channels, channels, 3, 1), Convolve(channels, Channels, 1, 1)]
            : new[] { Convolve(inputs, channels, 3, stride), Convolve(channels, channels, 3, 1) };
        var body = new List<Layer>();
        for (var i = 0; i < convolutions.Length; i++)
        {
            var last = i == convolutions.Length - 1;
            body.Add(AddChild($"conv{i + 1}", convolutions[i]));
            body.Add(AddChild($"bn{i + 1}", new DeepNative.Layers.BatchNorm(
                last ? Channels : channels, weightInitializer: last && options.ZeroLastWeight ? Initializer.Zeros : null)));
            if (!last) body.Add(AddChild($"relu{i + 1}", new ReLU()));
        }

        _body = [.. body];
        _last = AddChild("relu", new ReLU());
        var differs = stride != 1 || inputs != Channels;
        if (_shortcut == ResidualShortcut.Projection || (_shortcut == ResidualShortcut.ProjectionWhereNeeded && differs))
            _projection = AddChild("downsample", new Sequential(Convolve(inputs, Channels, 1, stride), new DeepNative.Layers.BatchNorm(Channels)));
    }

    public int Channels { get; }

    // Deviation sqrt(2 / fan_out), as torchvision: gradients keep their size on the way back.
    public static Conv2d Convolve(int inputs, int outputs, int kernel, int stride) => new(
        inputs, outputs, kernel, stride, padding: kernel / 2, bias: false, weightInitializer: Initializer.VarianceScaling(Gain.Relu, FanMode.Out));

    protected override Value Build(Value input)
    {
        var value = input;
        foreach (var layer in _body) value = layer.Forward(value);
        if (_shortcut != ResidualShortcut.None) value += Shortcut(input);
        return _last.Forward(value);
    }

    private Value Shortcut(Value input)
    {
        if (_projection is not null) return _projection.Forward(input);
        var shape = input.Shape;
        if (_stride > 1) input = Slice.Range(input, [0, 0, 0, 0], [shape[0], shape[1], shape[2], shape[3]], [1, 1, _stride, _stride]);
        var missing = Channels - shape[1];
        return missing == 0 ? input : Pad.Constant(input, [0, missing / 2, 0, 0], [0, missing - missing / 2, 0, 0]);
    }
}
