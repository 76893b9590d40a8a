using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>How much the padding layers add on each side of the spatial axes, outermost axis first.</summary>
internal sealed class SpatialPadding
{
    private readonly long[] _begin;
    private readonly long[] _end;

    public SpatialPadding(params ReadOnlySpan<(int Begin, int End)> sides)
    {
        // Samples and channels stay.
        _begin = new long[2 + sides.Length];
        _end = new long[2 + sides.Length];
        for (var axis = 0; axis < sides.Length; axis++)
        {
            var (begin, end) = sides[axis];
            if (begin < 0 || end < 0) throw new ArgumentOutOfRangeException(nameof(sides), $"({begin}, {end})", "padding is 0 or more.");
            (_begin[2 + axis], _end[2 + axis]) = (begin, end);
        }
    }

    public string Expected => _begin.Length == 3 ? "(N, C, L)" : "(N, C, H, W)";

    public bool Fits(Shape shape) => shape.Rank == _begin.Length;

    public Value Zeros(Value input) => Pad.Constant(input, _begin, _end);

    public Value Reflect(Value input) => Pad.Reflect(input, _begin, _end);

    public Value Edge(Value input) => Pad.Edge(input, _begin, _end);
}
