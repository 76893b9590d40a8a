using DeepNative.Data;

namespace DeepNative.Tests.Data;

internal sealed class PixelBoxTests
{
    [Test]
    public void A_box_is_around_the_largest_hot_part()
    {
        float[] map =
        [
            0, 0, 0, 0, 0, 5,
            0, 1, 1, 0, 0, 0,
            0, 1, 0.9f, 0, 0, 0,
            0, 0, 2, 0, 0, 0,
        ];
        Assert.That(PixelBox.Peak(map, 6), Is.EqualTo((5, 0, 5f)));
        Assert.That(PixelBox.Around(map, 6), Is.EqualTo(new PixelBox(1, 1, 3, 3)));
        Assert.That(PixelBox.Around(map, 6, threshold: 0.1f), Is.EqualTo(new PixelBox(1, 1, 3, 4)));
        Assert.That(PixelBox.Around(map, 6, threshold: 1f), Is.EqualTo(new PixelBox(5, 0, 6, 1)));
        Assert.That(PixelBox.Around([0f, -1f, float.NaN, 0f], 2), Is.EqualTo(default(PixelBox)));
        Assert.Throws<ArgumentException>(() => PixelBox.Around(map, 5));
    }

    [Test]
    public void The_union_counts_what_either_has()
    {
        var box = new PixelBox(0, 0, 4, 2);
        Assert.That(box.IntersectionOverUnion(new PixelBox(2, 1, 4, 5)), Is.EqualTo(2.0 / 14));
        Assert.That(box.IntersectionOverUnion(box), Is.EqualTo(1.0));
        Assert.That(box.IntersectionOverUnion(new PixelBox(4, 0, 6, 2)), Is.Zero);
        Assert.That(default(PixelBox).IntersectionOverUnion(default), Is.Zero);
        Assert.That((box.Contains(3, 1), box.Contains(4, 1)), Is.EqualTo((true, false)));
    }
}
