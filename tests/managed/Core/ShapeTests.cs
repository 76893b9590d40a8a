using FsCheck;
using FsCheck.Fluent;

namespace DeepNative.Tests.Core;

internal sealed class ShapeTests
{
    private static Arbitrary<int[]> Extents => Gen.Choose(0, 4).ArrayOf(5).Select(all => all.Skip(all[0] % 5).ToArray()).ToArbitrary();

    [Test]
    public void A_shape_knows_its_dimensions()
    {
        var shape = new Shape(100, 3, 8, 8);
        Assert.That(shape.Rank, Is.EqualTo(4));
        Assert.That(shape.Count, Is.EqualTo(19200));
        Assert.That(shape[1], Is.EqualTo(3));
        Assert.That(shape.ToString(), Is.EqualTo("(100, 3, 8, 8)"));
        Shape same = [100, 3, 8, 8];
        Assert.That(shape, Is.EqualTo(same));
        Assert.That(shape.GetHashCode(), Is.EqualTo(same.GetHashCode()));
        Assert.That(shape != new Shape(100, 3, 8), Is.True);
    }

    [Test]
    public void The_default_is_one_number()
    {
        Shape shape = default;
        Assert.That(shape, Is.EqualTo(Shape.Scalar));
        Assert.That(shape.Count, Is.EqualTo(1));
        Assert.That(shape.ToString(), Is.EqualTo("()"));
        Assert.That(shape, Is.EqualTo(new Shape()));
    }

    [Test]
    public void Parts_and_changes()
    {
        Shape shape = [2, 3, 4, 5];
        Assert.That(shape.From(2), Is.EqualTo(new Shape(4, 5)));
        Assert.That(shape.Until(1), Is.EqualTo(new Shape(2)));
        Assert.That(shape.Until(0).Concat(shape.From(0)), Is.EqualTo(shape));
        Assert.That(shape.With(1, 7), Is.EqualTo(new Shape(2, 7, 4, 5)));
        Assert.That(shape, Is.EqualTo(new long[] { 2, 3, 4, 5 }));
    }

    [Test]
    public void Bad_dimensions_are_refused()
    {
        Assert.That(() => new Shape(3, -1), Throws.ArgumentException.With.Message.Contains("dimension 1 is -1"));
        Assert.That(() => new Shape(1, 1, 1, 1, 1, 1, 1, 1, 1), Throws.ArgumentException.With.Message.Contains("at most 8 dimensions, found 9"));
        Assert.That(() => new Shape(long.MaxValue, 2), Throws.TypeOf<OverflowException>());
        Assert.That(new Shape(long.MaxValue, 2, 0).Count, Is.Zero);
        Assert.That(() => new Shape(3)[1], Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Shape(3)[-1], Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Shape(3).With(1, 2), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase(new long[] { 3, 1 }, new long[] { 1, 5 }, "(3, 5)")]
    [TestCase(new long[] { 5 }, new long[] { 4, 5 }, "(4, 5)")]
    [TestCase(new long[0], new long[] { 4, 5 }, "(4, 5)")]
    [TestCase(new long[] { 1 }, new long[] { 0 }, "(0)")]
    [TestCase(new long[] { 8, 1, 6, 1 }, new long[] { 7, 1, 5 }, "(8, 7, 6, 5)")]
    public void Broadcasting_is_NumPys(long[] left, long[] right, string expected) =>
        Assert.That(Shape.Broadcast(new Shape(left), new Shape(right)).ToString(), Is.EqualTo(expected));

    [TestCase(new long[] { 3 }, new long[] { 4 })]
    [TestCase(new long[] { 2, 3 }, new long[] { 8, 4, 3 })]
    [TestCase(new long[] { 2 }, new long[] { 0 })]
    public void Shapes_that_do_not_broadcast_are_named(long[] left, long[] right)
    {
        Assert.That(Shape.TryBroadcast(new Shape(left), new Shape(right), out _), Is.False);
        Assert.That(() => Shape.Broadcast(new Shape(left), new Shape(right)), Throws.ArgumentException.With.Message.Contains(new Shape(right).ToString()));
    }

    [Test]
    public void Broadcasting_is_symmetric_and_agrees_with_the_rule_by_dimension() => Prop.ForAll(Extents, Extents, (left, right) =>
    {
        Shape a = [.. left], b = [.. right];
        var fits = Shape.TryBroadcast(a, b, out var shape);
        var mirrored = Shape.TryBroadcast(b, a, out var other);
        var dimensions = Enumerable.Range(1, Math.Max(a.Rank, b.Rank))
            .Select(i => (A: i <= a.Rank ? a[a.Rank - i] : 1, B: i <= b.Rank ? b[b.Rank - i] : 1))
            .ToArray();
        var expected = dimensions.All(d => d.A == d.B || d.A == 1 || d.B == 1);
        return fits == mirrored && fits == expected && shape == other
            && (!fits || shape.Reverse().SequenceEqual(dimensions.Select(d => d.A == 1 ? d.B : d.A)));
    }).QuickCheckThrowOnFailure();
}
