using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// A normal distribution inside an interval, by rejection: of normal numbers, or, where few of these would lie
/// inside, of uniform ones by the density (Robert: "Simulation of truncated normal variables", 1995).
/// </summary>
internal sealed class TruncatedNormalInitializer : Initializer
{
    private const int Drawn = 64;

    private readonly float _mean;
    private readonly float _deviation;
    private readonly float _low;
    private readonly float _high;

    public TruncatedNormalInitializer(float mean, float deviation, float low, float high)
    {
        if (!float.IsFinite(mean)) throw new ArgumentOutOfRangeException(nameof(mean), mean, "must be finite");
        if (!(deviation > 0f) || !float.IsFinite(deviation))
            throw new ArgumentOutOfRangeException(nameof(deviation), deviation, "must be a finite number above 0");
        if (!(low < high) || !float.IsFinite(low) || !float.IsFinite(high))
            throw new ArgumentOutOfRangeException(nameof(low), low, $"must be finite and below the high end, {high}");
        (_mean, _deviation, _low, _high) = (mean, deviation, low, high);
    }

    public override void Fill(Span<float> values, Shape shape, Philox random)
    {
        // The interval around 0 for deviation 1, and its point with the largest density.
        var (low, high) = (((double)_low - _mean) / _deviation, ((double)_high - _mean) / _deviation);
        var peak = Math.Clamp(0.0, low, high);
        var inside = 0.5 * (ScalarMath.Erf(high / Math.Sqrt(2)) - ScalarMath.Erf(low / Math.Sqrt(2)));
        var acceptedUniform = Math.Sqrt(2 * Math.PI) * Math.Exp(peak * peak / 2) * inside / (high - low);
        if (inside > 1e-6 && inside >= acceptedUniform) FillFromNormal(values, random);
        else FillFromUniform(values, low, high, peak, random);
    }

    private void FillFromNormal(Span<float> values, Philox random)
    {
        Span<float> drawn = stackalloc float[Drawn];
        for (var filled = 0; filled < values.Length;)
        {
            random.FillNormal(drawn, _mean, _deviation);
            foreach (var value in drawn)
                if (value >= _low && value <= _high && filled < values.Length) values[filled++] = value;
        }
    }

    private void FillFromUniform(Span<float> values, double low, double high, double peak, Philox random)
    {
        Span<float> drawn = stackalloc float[Drawn];
        for (var filled = 0; filled < values.Length;)
        {
            random.FillUniform(drawn);
            for (var i = 0; i < Drawn && filled < values.Length; i += 2)
            {
                var x = low + (high - low) * drawn[i];
                if (drawn[i + 1] < Math.Exp((peak * peak - x * x) / 2))
                    values[filled++] = Math.Clamp((float)(_mean + _deviation * x), _low, _high);
            }
        }
    }
}
