using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// What a layer adds around its input: a plain number for all sides (<c>padding: 1</c>), one number for each axis
/// (<c>padding: (1, 2)</c>), different numbers at beginning and end, or <see cref="Same"/>.
/// </summary>
public readonly struct Padding : IEquatable<Padding>
{
    /// <summary>Different numbers at the two ends of the axes.</summary>
    /// <param name="begin">Before the first element (left, top), at least 0.</param>
    /// <param name="end">Behind the last element (right, bottom), at least 0.</param>
    public Padding(PerAxis begin, PerAxis end)
    {
        Begin = begin;
        End = end;
    }

    private Padding(bool same) => IsSame = same;

    /// <summary>
    /// As much as makes the output extent ceil(H / stride): max((P - 1) * stride + dilation * (R - 1) + 1 - H, 0),
    /// half of it at the beginning, the larger half at the end. This is TensorFlow's rule; for stride 1, the only one
    /// for which PyTorch defines it, both libraries agree.
    /// </summary>
    public static Padding Same { get; } = new(same: true);

    /// <summary>Before the first element.</summary>
    public PerAxis Begin { get; }

    /// <summary>Behind the last element.</summary>
    public PerAxis End { get; }

    /// <summary>Whether it follows from the input's extents.</summary>
    public bool IsSame { get; }

    /// <summary>The same number at all ends.</summary>
    /// <param name="value">The number, at least 0.</param>
    public static implicit operator Padding(int value) => new(value, value);

    /// <summary>A number for each axis, at both of its ends.</summary>
    /// <param name="value">The numbers, at least 0.</param>
    public static implicit operator Padding(PerAxis value) => new(value, value);

    /// <summary>A number for each of two axes, at both of its ends.</summary>
    /// <param name="values">Height, width.</param>
    public static implicit operator Padding((int Height, int Width) values) => (PerAxis)values;

    /// <summary>A number for each of three axes, at both of its ends.</summary>
    /// <param name="values">Depth, height, width.</param>
    public static implicit operator Padding((int Depth, int Height, int Width) values) => (PerAxis)values;

    /// <summary>Compares two.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <returns>True when all numbers are the same.</returns>
    public static bool operator ==(Padding left, Padding right) => left.Equals(right);

    /// <summary>Compares two.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <returns>True when they differ.</returns>
    public static bool operator !=(Padding left, Padding right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(Padding other) => (Begin, End, IsSame) == (other.Begin, other.End, other.IsSame);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Padding other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Begin, End, IsSame);

    /// <summary>"1", "(1, 2)", "(0, 1) and (1, 1)" or "same".</summary>
    /// <returns>The text.</returns>
    public override string ToString() => IsSame ? "same" : Begin == End ? $"{Begin}" : $"{Begin} and {End}";

    // The numbers for an input; the window's extent counts its dilation.
    internal (PerAxis Begin, PerAxis End) For(Shape input, PerAxis stride, Func<int, long> window)
    {
        if (!IsSame) return (Begin, End);
        var rank = input.Rank - 2;
        Span<int> begin = stackalloc int[3], end = stackalloc int[3];
        for (var axis = 0; axis < rank; axis++)
        {
            var extent = input[axis + 2];
            var outputs = (extent + stride[axis] - 1) / stride[axis];
            var total = Math.Max((outputs - 1) * stride[axis] + window(axis) - extent, 0);
            begin[axis] = checked((int)(total / 2));
            end[axis] = checked((int)(total - total / 2));
        }

        return (Join(begin, rank), Join(end, rank));

        static PerAxis Join(ReadOnlySpan<int> numbers, int rank) => rank switch
        {
            1 => numbers[0],
            2 => (numbers[0], numbers[1]),
            _ => (numbers[0], numbers[1], numbers[2]),
        };
    }
}
