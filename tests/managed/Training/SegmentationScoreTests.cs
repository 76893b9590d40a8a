using DeepNative.Training;

namespace DeepNative.Tests.Training;

internal sealed class SegmentationScoreTests
{
    [Test]
    public void The_union_counts_what_either_has()
    {
        var score = new SegmentationScore(3);
        score.Add([0, 0, 0, 1, 1, 255], [0, 0, 1, 1, 0, 1]);
        Assert.That(score.Pixels, Is.EqualTo(5));
        Assert.That(score.Accuracy, Is.EqualTo(3.0 / 5));
        Assert.That(score.IntersectionOverUnion(0), Is.EqualTo(2.0 / 4));
        Assert.That(score.IntersectionOverUnion(1), Is.EqualTo(1.0 / 3));
        Assert.That(score.IntersectionOverUnion(2), Is.NaN);
        Assert.That(score.MeanIntersectionOverUnion, Is.EqualTo((0.5 + 1.0 / 3) / 2));
        score.Add([0, 1], [0.5f, 0f, 0.5f, 1f, 0.25f, 0.75f]);
        Assert.That((score.Count(0, 0), score.Count(1, 1)), Is.EqualTo((3L, 2L)));
        Assert.That(score.ToString(), Does.StartWith("mean IoU 0.5500 (0.6000, 0.5000, NaN)"));
    }

    [Test]
    public void Bad_input_is_refused()
    {
        var score = new SegmentationScore(2);
        Assert.Throws<ArgumentException>(() => score.Add([0, 1], [0]));
        Assert.Throws<ArgumentException>(() => score.Add([0], [2]));
        Assert.Throws<ArgumentException>(() => score.Add([0], [0f, 1f, 2f]));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new SegmentationScore(0));
    }
}
