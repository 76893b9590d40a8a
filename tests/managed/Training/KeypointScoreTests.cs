using DeepNative.Data;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

internal sealed class KeypointScoreTests
{
    [Test]
    public void A_perfect_net_is_as_near_as_the_maps_allow()
    {
        var drawn = new ShapesDataset(new ShapesOptions { Count = 40, MostObjects = 3, Seed = 5 });
        var data = drawn.ToHeatmaps();
        var next = 0;
        var score = KeypointScore.Of(data, _ => new Prediction(Maps(data, next++), new Shape(1).Concat(data.TargetShape)));
        Assert.That(score.Points, Is.EqualTo(drawn.Objects.Select(one => (one.Picture, one.Class)).Distinct().Count()).Within(2));
        Assert.That(score.MeanDistance, Is.LessThan(0.1));
        Assert.That(score.Correct, Is.EqualTo(1.0));

        // One that always says the upper left corner.
        var corner = new float[data.TargetShape.Count];
        for (var point = 0; point < 4; point++) corner[point * 256] = 1f;
        var bad = KeypointScore.Of(data, _ => new Prediction(corner, new Shape(1).Concat(data.TargetShape)));
        Assert.That(bad.MeanDistance, Is.GreaterThan(20));
        Assert.That(bad.Correct, Is.LessThan(0.1));
        Assert.Throws<ArgumentException>(() => KeypointScore.Of(Synthetic.Xor, _ => throw new InvalidOperationException()));
    }

    private static float[] Maps(IExampleSource data, int index)
    {
        var (picture, maps) = (new byte[data.InputShape.Count], new float[data.TargetShape.Count]);
        data.Gather([index], picture, System.Runtime.InteropServices.MemoryMarshal.AsBytes(maps.AsSpan()));
        return maps;
    }
}
