using System.Drawing;
using DeepNative.Data;

namespace DeepNative.Tests.Data;

internal sealed class LocalizationTests
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
        Assert.That(Localization.Peak(map, 6), Is.EqualTo((new Point(5, 0), 5f)));
        Assert.That(Localization.BoxAround(map, 6), Is.EqualTo(new Rectangle(1, 1, 2, 2)));
        Assert.That(Localization.BoxAround(map, 6, threshold: 0.1f), Is.EqualTo(new Rectangle(1, 1, 2, 3)));
        Assert.That(Localization.BoxAround(map, 6, threshold: 1f), Is.EqualTo(new Rectangle(5, 0, 1, 1)));
        Assert.That(Localization.BoxAround([0f, -1f, float.NaN, 0f], 2), Is.EqualTo(default(Rectangle)));
        Assert.Throws<ArgumentException>(() => Localization.BoxAround(map, 5));
    }

    [Test]
    public void The_union_counts_what_either_has()
    {
        var box = new Rectangle(0, 0, 4, 2);
        Assert.That(Localization.IntersectionOverUnion(box, Rectangle.FromLTRB(2, 1, 4, 5)), Is.EqualTo(2.0 / 14));
        Assert.That(Localization.IntersectionOverUnion(box, box), Is.EqualTo(1.0));
        Assert.That(Localization.IntersectionOverUnion(box, new Rectangle(4, 0, 2, 2)), Is.Zero);
        Assert.That(Localization.IntersectionOverUnion(default, default), Is.Zero);
    }
}
