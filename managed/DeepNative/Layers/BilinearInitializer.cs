namespace DeepNative.Layers;

/// <summary>Channel k of a transposed convolution enlarges channel k of its input bilinearly.</summary>
internal sealed class BilinearInitializer(int groups) : Initializer
{
    public override void Fill(Span<float> values, Shape shape, Philox random)
    {
        if (shape.Rank != 4 || shape[0] % groups != 0)
            throw new ArgumentException($"a parameter of shape {shape} is not the weight of a transposed convolution over pictures in {groups} groups.", nameof(shape));
        values.Clear();
        var inputs = shape[0] / groups;
        for (var channel = 0L; channel < shape[0]; channel++)
        {
            var output = channel % inputs;
            if (output >= shape[1]) continue;
            for (var r = 0L; r < shape[2]; r++)
                for (var s = 0L; s < shape[3]; s++)
                    values[(int)(((channel * shape[1] + output) * shape[2] + r) * shape[3] + s)] = Tent(r, shape[2]) * Tent(s, shape[3]);
        }
    }

    // A window of 2 * stride (or one less) that falls linearly from its middle.
    private static float Tent(long tap, long extent)
    {
        var factor = (extent + 1) / 2;
        var center = extent % 2 == 1 ? factor - 1.0 : factor - 0.5;
        return (float)(1.0 - Math.Abs(tap - center) / factor);
    }
}
