using DeepNative.Data;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

/// <summary>
/// Bytes that are copied in float32, as the operator is defined: every device gives these bits. Places between pixels and
/// colours in float64.
/// </summary>
internal static class ReferenceImageDecode
{
    public static void Run(Interpreter run, ImageDecodeNode node)
    {
        var images = run[node.Inputs[0]!];
        var (input, output) = (node.Inputs[0]!.Shape, node.Outputs[0].Shape);
        var state = run.Input(node, 1);
        var masks = run.Input(node, 2);
        var settings = node.Settings;
        var sampled = state is not null && (settings.Samples || settings.Colors);
        var y = new double[output.Count];
        var windows = masks is null ? null : new double[node.Outputs[1].Shape.Count];
        var plane = output[2] * output[3];
        for (var n = 0L; n < output[0]; n++)
        {
            var sample = new SampleReference(settings, input, output, state is null ? null : new Words(state, node.Stream, n), node.Mean);
            for (var place = 0L; place < plane; place++)
            {
                var (i, j) = (place / output[3], place % output[3]);
                var (row, column) = sampled ? sample.Between(i, j) : sample.Whole(i, j);
                var bytes = new double[input[1]];
                for (var c = 0L; c < input[1]; c++)
                {
                    var at = (n * input[1] + c) * input[2] * input[3];
                    bytes[c] = Bilinear((r, s) => images[at + r * input[3] + s], input, row, column, settings.Reflect);
                }

                if (sampled && settings.Colors) sample.Recolor(bytes);
                for (var c = 0; c < input[1]; c++)
                {
                    var value = sample.IsCut(i, j) ? 0
                        : sampled ? (bytes[c] - node.Mean[c]) * node.Scale[c]
                        : ((float)bytes[c] - node.Mean[c]) * node.Scale[c];
                    y[(n * input[1] + c) * plane + place] = sampled ? value : ReferencePointwise.Round((float)value, node.Outputs[0].DType);
                }

                if (windows is null) continue;
                var (nearRow, nearColumn) = ((long)Math.Floor(row + 0.5), (long)Math.Floor(column + 0.5));
                if (settings.Reflect) (nearRow, nearColumn) = (Mirror(nearRow, input[2]), Mirror(nearColumn, input[3]));
                windows[n * plane + place] = Inside(nearRow, input[2]) && Inside(nearColumn, input[3])
                    ? masks![n * input[2] * input[3] + nearRow * input[3] + nearColumn]
                    : node.IgnoreIndex;
            }
        }

        run.Set(node.Outputs[0], y);
        if (windows is not null) run.Set(node.Outputs[1], windows);
        if (state is not null) run.Overwrite(node, 1, [state[0], state[1] + 1]);
    }

    private static bool Inside(long place, long extent) => place >= 0 && place < extent;

    private static double Bilinear(Func<long, long, double> pixel, Shape images, double row, double column, bool reflect)
    {
        var (top, left) = ((long)Math.Floor(row), (long)Math.Floor(column));
        var sum = 0.0;
        for (var r = top; r <= top + 1; r++)
        {
            for (var s = left; s <= left + 1; s++)
            {
                var weight = (1 - Math.Abs(row - r)) * (1 - Math.Abs(column - s));
                var (at, across) = reflect ? (Mirror(r, images[2]), Mirror(s, images[3])) : (r, s);
                if (weight > 0 && Inside(at, images[2]) && Inside(across, images[3])) sum += weight * pixel(at, across);
            }
        }

        return sum;
    }

    // Again and again, however far outside.
    private static long Mirror(long place, long extent)
    {
        if (extent == 1) return 0;
        while (place < 0 || place >= extent) place = place < 0 ? -place : 2 * (extent - 1) - place;
        return place;
    }
}

/// <summary>The random words of one sample.</summary>
internal sealed class Words(double[] state, int stream, long sample)
{
    private readonly Philox _philox = new((ulong)(long)state[0], (uint)stream, (uint)state[1]);

    /// <summary>A word of one of the sample's blocks of four.</summary>
    public uint this[int block, int word]
    {
        get
        {
            _philox.Position = 4 * ((ulong)sample + ((ulong)block << 32)) + (ulong)word;
            return _philox.NextUInt32();
        }
    }

    public double Uniform(int block, int word) => (this[block, word] >> 8) * Math.ScaleB(1.0, -24);

    public double BothWays(int block, int word) => 2 * Uniform(block, word) - 1;

    /// <summary>Box and Muller's, from this word and the next.</summary>
    public (double First, double Second) NormalPair(int block, int word)
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - Uniform(block, word)));
        var (sine, cosine) = Math.SinCos(2 * Math.PI * Uniform(block, word + 1));
        return (radius * cosine, radius * sine);
    }
}

/// <summary>What one sample's random numbers decide, in float64.</summary>
internal sealed class SampleReference
{
    private readonly Augmentation _settings;
    private readonly Shape _output;
    private readonly Words? _words;
    private readonly long _top, _left, _cutTop, _cutLeft;
    private readonly bool _flip, _verticalFlip;
    private readonly double _angle, _tangent, _zoom, _down, _right;
    private readonly long _nodeColumns;
    private readonly double[]? _nodeRow, _nodeColumn;
    private readonly double[][]? _color;
    private readonly double _brightness, _contrast, _saturation, _hue;
    private readonly double[] _mean = new double[4];

    public SampleReference(Augmentation settings, Shape images, Shape output, Words? words, System.Numerics.Vector4 mean)
    {
        _settings = settings;
        _output = output;
        _words = words;
        for (var c = 0; c < 4; c++) _mean[c] = mean[c];
        var (tops, lefts) = (images[2] + 2L * settings.Padding - output[2] + 1, images[3] + 2L * settings.Padding - output[3] + 1);
        (_top, _left) = ((tops - 1) / 2 - settings.Padding, (lefts - 1) / 2 - settings.Padding);
        if (words is null) return;
        _top = (long)((ulong)words[0, 0] * (ulong)tops >> 32) - settings.Padding;
        _left = (long)((ulong)words[0, 1] * (ulong)lefts >> 32) - settings.Padding;
        _flip = words.Uniform(0, 2) < settings.Flip;
        _verticalFlip = words.Uniform(0, 3) < settings.VerticalFlip;
        _down = words.BothWays(1, 0) * settings.Shift * output[2];
        _right = words.BothWays(1, 1) * settings.Shift * output[3];
        _angle = words.BothWays(1, 2) * settings.Rotation * Math.PI / 180;
        _zoom = Math.Pow(1 + (double)settings.Scale, words.BothWays(1, 3));
        _tangent = Math.Tan(words.BothWays(2, 0) * settings.Shear * Math.PI / 180);
        _cutTop = (long)((ulong)words[2, 1] * (ulong)output[2] >> 32) - settings.Cutout / 2;
        _cutLeft = (long)((ulong)words[2, 2] * (ulong)output[3] >> 32) - settings.Cutout / 2;
        _brightness = 1 + words.BothWays(3, 0) * settings.Brightness;
        _contrast = 1 + words.BothWays(3, 1) * settings.Contrast;
        _saturation = 1 + words.BothWays(3, 2) * settings.Saturation;
        _hue = 2 * Math.PI * words.BothWays(3, 3) * settings.Hue;
        var (a0, a1) = words.NormalPair(4, 0);
        var (a2, _) = words.NormalPair(4, 2);
        if (settings.Lighting > 0)
        {
            var components = settings.Components.ToArray();
            _color = [.. Enumerable.Range(0, 3).Select(c => new[] { components[3 * c] * a0, components[3 * c + 1] * a1, components[3 * c + 2] * a2 })];
        }

        if (!(settings.Elastic > 0)) return;
        _nodeColumns = (long)Math.Floor((output[3] - 1) / settings.ElasticPitch) + 4;
        var nodes = _nodeColumns * ((long)Math.Floor((output[2] - 1) / settings.ElasticPitch) + 4);
        (_nodeRow, _nodeColumn) = (new double[nodes], new double[nodes]);
        for (var k = 0; k < nodes; k++) (_nodeColumn[k], _nodeRow[k]) = words.NormalPair(5 + k / 2, 2 * (k % 2));
    }

    public bool IsCut(long i, long j) =>
        _words is not null && i >= _cutTop && i < _cutTop + _settings.Cutout && j >= _cutLeft && j < _cutLeft + _settings.Cutout;

    public (double Row, double Column) Whole(long i, long j) =>
        (_top + (_verticalFlip ? _output[2] - 1 - i : i), _left + (_flip ? _output[3] - 1 - j : j));

    public (double Row, double Column) Between(long i, long j)
    {
        var (middleRow, middleColumn) = ((_output[2] - 1) / 2.0, (_output[3] - 1) / 2.0);
        var (u, v) = ((_flip ? -1 : 1) * (j - middleColumn), (_verticalFlip ? -1 : 1) * (i - middleRow));
        var leaning = u + _tangent * v;
        var row = _top + middleRow - _down + (Math.Sin(_angle) * leaning + Math.Cos(_angle) * v) / _zoom;
        var column = _left + middleColumn - _right + (Math.Cos(_angle) * leaning - Math.Sin(_angle) * v) / _zoom;
        if (_nodeRow is null) return (row, column);
        var gain = _settings.Elastic * 315.0 / 151;
        return (row + gain * Spline(_nodeRow, i, j), column + gain * Spline(_nodeColumn!, i, j));
    }

    public void Recolor(double[] bytes)
    {
        for (var c = 0; c < bytes.Length; c++) bytes[c] = _mean[c] + _contrast * (_brightness * bytes[c] - _mean[c]);
        if (bytes.Length == 3)
        {
            var gray = 0.299 * bytes[0] + 0.587 * bytes[1] + 0.114 * bytes[2];
            for (var c = 0; c < 3; c++) bytes[c] = gray + _saturation * (bytes[c] - gray);

            // To YIQ, turned there, and back.
            var (r, g, b) = (bytes[0], bytes[1], bytes[2]);
            var inPhase = 0.595716 * r - 0.274453 * g - 0.321263 * b;
            var quadrature = 0.211456 * r - 0.522591 * g + 0.311135 * b;
            var (sine, cosine) = Math.SinCos(_hue);
            (inPhase, quadrature) = (cosine * inPhase - sine * quadrature, sine * inPhase + cosine * quadrature);
            bytes[0] = gray + 0.9562957197589483 * inPhase + 0.6210244164652611 * quadrature;
            bytes[1] = gray - 0.27212209931851045 * inPhase - 0.647380596825695 * quadrature;
            bytes[2] = gray - 1.1069890167364902 * inPhase + 1.7046149983646481 * quadrature;
            for (var c = 0; c < 3 && _color is not null; c++) bytes[c] += 255 * _settings.Lighting * _color[c].Sum();
        }

        for (var c = 0; c < bytes.Length; c++) bytes[c] = Math.Clamp(bytes[c], 0, 255);
    }

    private double Spline(double[] nodes, long i, long j)
    {
        var (y, x) = (i / (double)_settings.ElasticPitch, j / (double)_settings.ElasticPitch);
        var sum = 0.0;
        for (var r = (long)y; r < (long)y + 4; r++)
        {
            for (var c = (long)x; c < (long)x + 4; c++) sum += Cubic(y - (r - 1)) * Cubic(x - (c - 1)) * nodes[r * _nodeColumns + c];
        }

        return sum;
    }

    // The uniform cubic B-spline.
    private static double Cubic(double x)
    {
        x = Math.Abs(x);
        return x < 1 ? 2.0 / 3 - x * x + x * x * x / 2 : x < 2 ? Math.Pow(2 - x, 3) / 6 : 0;
    }
}
