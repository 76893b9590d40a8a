namespace DeepNative.Operators;

/// <summary>
/// A number for each spatial axis, outermost first: (height, width) for images. A plain number stands for
/// all axes: <c>stride: 2</c>, <c>kernel: (3, 5)</c>.
/// </summary>
public readonly struct PerAxis : IEquatable<PerAxis>
{
    private readonly int _first;
    private readonly int _second;
    private readonly int _third;

    private PerAxis(int count, int first, int second, int third)
    {
        Count = count;
        _first = first;
        _second = second;
        _third = third;
    }

    /// <summary>How many axes it names; 0: all have the same number.</summary>
    public int Count { get; }

    /// <summary>The number of one axis.</summary>
    /// <param name="axis">0 for the outermost spatial axis.</param>
    public int this[int axis] => Count == 0 ? _first : axis switch
    {
        0 => _first,
        1 when Count > 1 => _second,
        2 when Count > 2 => _third,
        _ => throw new ArgumentOutOfRangeException(nameof(axis), axis, $"there are {Count} axes."),
    };

    /// <summary>The same number for all axes.</summary>
    /// <param name="value">The number.</param>
    public static implicit operator PerAxis(int value) => new(0, value, value, value);

    /// <summary>A number for each of two axes.</summary>
    /// <param name="values">Height, width.</param>
    public static implicit operator PerAxis((int Height, int Width) values) => new(2, values.Height, values.Width, 0);

    /// <summary>A number for each of three axes.</summary>
    /// <param name="values">Depth, height, width.</param>
    public static implicit operator PerAxis((int Depth, int Height, int Width) values) =>
        new(3, values.Depth, values.Height, values.Width);

    /// <summary>Compares two.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <returns>True when all numbers are the same.</returns>
    public static bool operator ==(PerAxis left, PerAxis right) => left.Equals(right);

    /// <summary>Compares two.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <returns>True when they differ.</returns>
    public static bool operator !=(PerAxis left, PerAxis right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(PerAxis other) =>
        (Count, _first, _second, _third) == (other.Count, other._first, other._second, other._third);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PerAxis other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Count, _first, _second, _third);

    /// <summary>"2", "(3, 5)" or "(3, 5, 5)".</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Count switch
    {
        0 => $"{_first}",
        2 => $"({_first}, {_second})",
        _ => $"({_first}, {_second}, {_third})",
    };

    // As extents, after checking the count of axes and the least value.
    internal Shape Resolve(Graph graph, string operatorName, string what, int spatialRank, int minimum)
    {
        if (Count != 0 && Count != spatialRank)
        {
            throw graph.Mismatch(
                operatorName, $"{spatialRank} numbers", $"{Count} numbers",
                $"{what} is {this}, expected one number or {spatialRank}");
        }

        Span<long> extents = stackalloc long[spatialRank];
        for (var axis = 0; axis < spatialRank; axis++)
        {
            extents[axis] = this[axis];
            if (extents[axis] < minimum)
                throw graph.Mismatch(operatorName, $"{minimum} or more", ToString(), $"{what} is {this}, expected {minimum} or more");
        }

        return new Shape(extents);
    }
}
