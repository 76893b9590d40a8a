using System.Collections;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace DeepNative;

/// <summary>
/// The dimensions of a tensor, outermost first, row-major: (N, C, H, W) for images. Up to eight, held
/// inline: a shape is a value and allocates nothing. The default is the scalar shape ().
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IEnumerable<long>
{
    /// <summary>The most dimensions that a shape can have.</summary>
    public const int MaxRank = 8;

    private readonly Extents _extents;

    /// <summary>A shape of the given dimensions.</summary>
    /// <param name="extents">The dimensions, each at least 0.</param>
    /// <exception cref="ArgumentException">More than eight dimensions, or a negative one.</exception>
    /// <exception cref="OverflowException">The number of elements does not fit in 64 bits.</exception>
    public Shape(params ReadOnlySpan<long> extents)
    {
        if (extents.Length > MaxRank)
            throw new ArgumentException($"a shape has at most {MaxRank} dimensions, found {extents.Length}.", nameof(extents));
        Rank = extents.Length;
        Count = 1;
        for (var axis = 0; axis < extents.Length; axis++)
        {
            if (extents[axis] < 0)
                throw new ArgumentException($"dimension {axis} is {extents[axis]}, expected 0 or more.", nameof(extents));
            _extents[axis] = extents[axis];
        }

        // An empty shape must not overflow by its other dimensions.
        if (extents.Contains(0))
        {
            Count = 0;
            return;
        }

        foreach (var extent in extents) Count = checked(Count * extent);
    }

    /// <summary>The shape () of one number.</summary>
    public static Shape Scalar => default;

    /// <summary>The number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>The number of elements; 1 for a scalar.</summary>
    public long Count => Rank == 0 ? 1 : field;

    /// <summary>One dimension.</summary>
    /// <param name="axis">0 for the outermost, below <see cref="Rank"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such axis.</exception>
    public long this[int axis]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(axis);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(axis, Rank);
            return _extents[axis];
        }
    }

    /// <summary>Compares two shapes.</summary>
    /// <param name="left">One shape.</param>
    /// <param name="right">The other.</param>
    /// <returns>True when all dimensions are the same.</returns>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Compares two shapes.</summary>
    /// <param name="left">One shape.</param>
    /// <param name="right">The other.</param>
    /// <returns>True when they differ.</returns>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>A shape of the given dimensions, for collection expressions: <c>Shape s = [1, 28, 28]</c>.</summary>
    /// <param name="extents">The dimensions.</param>
    /// <returns>The shape.</returns>
    public static Shape Create(ReadOnlySpan<long> extents) => new(extents);

    /// <summary>
    /// The shape of an element-wise result, by NumPy's rule: shapes are aligned at their last dimension,
    /// missing dimensions count as 1, and a dimension of 1 repeats.
    /// </summary>
    /// <param name="left">One operand's shape.</param>
    /// <param name="right">The other's.</param>
    /// <returns>The common shape.</returns>
    /// <exception cref="ArgumentException">Two dimensions differ and neither is 1.</exception>
    public static Shape Broadcast(Shape left, Shape right) =>
        TryBroadcast(left, right, out var result)
            ? result
            : throw new ArgumentException($"shapes {left} and {right} do not broadcast: two dimensions differ and neither is 1.");

    /// <summary><see cref="Broadcast"/>, saying by its result whether the shapes fit.</summary>
    /// <param name="left">One operand's shape.</param>
    /// <param name="right">The other's.</param>
    /// <param name="result">The common shape, or () when there is none.</param>
    /// <returns>Whether there is a common shape.</returns>
    public static bool TryBroadcast(Shape left, Shape right, out Shape result)
    {
        var rank = Math.Max(left.Rank, right.Rank);
        Span<long> extents = stackalloc long[MaxRank];
        for (var fromEnd = 1; fromEnd <= rank; fromEnd++)
        {
            var a = fromEnd <= left.Rank ? left._extents[left.Rank - fromEnd] : 1;
            var b = fromEnd <= right.Rank ? right._extents[right.Rank - fromEnd] : 1;
            if (a != b && a != 1 && b != 1)
            {
                result = Scalar;
                return false;
            }

            extents[rank - fromEnd] = a == 1 ? b : a;
        }

        result = new Shape(extents[..rank]);
        return true;
    }

    /// <summary>Writes the dimensions to a span.</summary>
    /// <param name="destination">At least <see cref="Rank"/> long.</param>
    /// <exception cref="ArgumentException">The span is too short.</exception>
    public void CopyTo(Span<long> destination) => ((ReadOnlySpan<long>)_extents)[..Rank].CopyTo(destination);

    /// <summary>The same shape with one dimension changed.</summary>
    /// <param name="axis">The axis to change.</param>
    /// <param name="extent">Its new dimension, at least 0.</param>
    /// <returns>The new shape.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such axis.</exception>
    public Shape With(int axis, long extent)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(axis);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(axis, Rank);
        Span<long> extents = stackalloc long[Rank];
        CopyTo(extents);
        extents[axis] = extent;
        return new Shape(extents);
    }

    /// <summary>The dimensions from one axis on.</summary>
    /// <param name="start">The first axis kept, 0 to <see cref="Rank"/>.</param>
    /// <returns>The shape of the dimensions behind.</returns>
    public Shape From(int start) => new(((ReadOnlySpan<long>)_extents)[start..Rank]);

    /// <summary>The dimensions before one axis.</summary>
    /// <param name="end">The first axis left out, 0 to <see cref="Rank"/>.</param>
    /// <returns>The shape of the dimensions in front.</returns>
    public Shape Until(int end)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, Rank);
        return new Shape(((ReadOnlySpan<long>)_extents)[..end]);
    }

    /// <summary>The dimensions of this shape followed by another's.</summary>
    /// <param name="inner">The shape to append.</param>
    /// <returns>The joined shape.</returns>
    /// <exception cref="ArgumentException">More than eight dimensions together.</exception>
    public Shape Concat(Shape inner)
    {
        Span<long> extents = stackalloc long[Rank + inner.Rank];
        CopyTo(extents);
        inner.CopyTo(extents[Rank..]);
        return new Shape(extents);
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) =>
        Rank == other.Rank && ((ReadOnlySpan<long>)_extents)[..Rank].SequenceEqual(((ReadOnlySpan<long>)other._extents)[..Rank]);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        for (var axis = 0; axis < Rank; axis++) hash.Add(_extents[axis]);
        return hash.ToHashCode();
    }

    /// <summary>The dimensions in parentheses: "(100, 3, 8, 8)", "(10)", "()".</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        var text = new StringBuilder("(");
        for (var axis = 0; axis < Rank; axis++)
        {
            if (axis > 0) text.Append(", ");
            text.Append(_extents[axis].ToString(CultureInfo.InvariantCulture));
        }

        return text.Append(')').ToString();
    }

    /// <summary>Walks the dimensions, outermost first.</summary>
    /// <returns>The enumerator.</returns>
    public IEnumerator<long> GetEnumerator()
    {
        for (var axis = 0; axis < Rank; axis++) yield return _extents[axis];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    [InlineArray(MaxRank)]
    private struct Extents
    {
        private long _first;
    }
}
