namespace DeepNative.Layers;

/// <summary>Ones where an output meets the input of its number, in the middle of the window.</summary>
internal sealed class IdentityInitializer(int groups) : Initializer
{
    public override void Fill(Span<float> values, Shape shape, Philox random)
    {
        if (shape.Rank < 2)
            throw new ArgumentException($"a parameter of shape {shape} joins no outputs with inputs; it needs rank 2 or more.", nameof(shape));
        if (shape[0] % groups != 0)
            throw new ArgumentException($"{groups} groups do not divide the {shape[0]} outputs of a parameter of shape {shape}.", nameof(shape));
        values.Clear();
        var (window, middle) = (1L, 0L);
        for (var axis = 2; axis < shape.Rank; axis++)
        {
            window *= shape[axis];
            middle = middle * shape[axis] + shape[axis] / 2;
        }

        var outputs = shape[0] / groups;
        for (var group = 0; group < groups; group++)
            for (var k = 0L; k < Math.Min(outputs, shape[1]); k++)
                values[(int)(((group * outputs + k) * shape[1] + k) * window + middle)] = 1f;
    }
}
