namespace DeepNative.Training;

/// <summary>A model's predictions for some inputs.</summary>
public sealed class Prediction
{
    private readonly float[] _values;
    private readonly int _length;

    internal Prediction(float[] values, Shape shape)
    {
        _values = values;
        Shape = shape;
        Count = (int)shape[0];
        _length = (int)(shape.Count / Math.Max(1, shape[0]));
    }

    /// <summary>The number of inputs.</summary>
    public int Count { get; }

    /// <summary>The shape of all predictions: (N, classes) for a classifier.</summary>
    public Shape Shape { get; }

    /// <summary>The prediction for one input: probabilities that sum to 1 for a classifier.</summary>
    /// <param name="index">The input, 0 to <see cref="Count"/> - 1.</param>
    /// <returns>The numbers, row-major.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such input.</exception>
    public ReadOnlySpan<float> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return _values.AsSpan(index * _length, _length);
        }
    }

    /// <summary>The class with the largest number; of equal ones the lowest.</summary>
    /// <param name="index">The input.</param>
    /// <returns>The class, from 0.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such input.</exception>
    public int Class(int index)
    {
        var values = this[index];
        var best = 0;
        for (var i = 1; i < values.Length; i++)
            if (values[i] > values[best]) best = i;
        return best;
    }

    /// <summary>The number of the class that <see cref="Class"/> gives.</summary>
    /// <param name="index">The input.</param>
    /// <returns>A classifier's probability, 0 to 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such input.</exception>
    public float Probability(int index) => this[index][Class(index)];

    /// <summary>The class of every position, for a model that gives (N, classes, ...): that with the largest number, of equal ones the lowest.</summary>
    /// <param name="index">The input.</param>
    /// <returns>The classes, row-major.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such input.</exception>
    /// <exception cref="InvalidOperationException">The predictions have no axis of classes.</exception>
    public int[] ClassMap(int index)
    {
        if (Shape.Rank < 2) throw new InvalidOperationException($"predictions of {Shape} have no axis of classes.");
        var values = this[index];
        var classes = (int)Shape[1];
        var map = new int[_length / classes];
        for (var i = 0; i < map.Length; i++)
        {
            for (var c = 1; c < classes; c++)
                if (values[c * map.Length + i] > values[map[i] * map.Length + i]) map[i] = c;
        }

        return map;
    }
}
