using DeepNative.Data;

namespace DeepNative.Tests.Data;

internal sealed class BorderWeightsTests
{
    private static readonly (int Width, int Height, double Density)[] _pictures =
        [(1, 1, 0.5), (1, 9, 0.3), (9, 1, 0.3), (17, 13, 0.02), (31, 22, 0.2), (24, 24, 0.6), (19, 7, 0.98)];

    [Test]
    public void Distances_are_those_of_a_search_over_all_pairs()
    {
        foreach (var (width, height, density) in _pictures)
        {
            for (var seed = 1UL; seed <= 8; seed++)
            {
                var isInside = Random(width * height, density, seed);
                var found = DistanceTransform.Squared(isInside, width);
                for (var i = 0; i < isInside.Length; i++)
                {
                    var least = double.PositiveInfinity;
                    for (var j = 0; j < isInside.Length; j++)
                    {
                        if (!isInside[j]) continue;
                        var (dx, dy) = (i % width - j % width, i / width - j / width);
                        least = Math.Min(least, (double)dx * dx + (double)dy * dy);
                    }

                    Assert.That(found[i], Is.EqualTo(least), $"{width}x{height}, seed {seed}, pixel {i}");
                }
            }
        }
    }

    [Test]
    public void Parts_are_numbered_in_reading_order()
    {
        var picture = Picture("##..#", "..#.#", "#..##", "#....");
        Assert.That(ConnectedComponents.Label(picture, 5).Labels, Is.EqualTo(new[]
        {
            1, 1, 0, 0, 2,
            0, 0, 3, 0, 2,
            4, 0, 0, 2, 2,
            4, 0, 0, 0, 0,
        }));
        var (labels, count) = ConnectedComponents.Label(picture, 5, diagonal: true);
        Assert.That(count, Is.EqualTo(2));
        Assert.That(labels[7], Is.EqualTo(1));
        Assert.That(ConnectedComponents.Label(new bool[6], 3).Count, Is.Zero);
    }

    [Test]
    public void The_map_is_the_papers_formula()
    {
        foreach (var (width, height, density) in _pictures)
        {
            for (var seed = 1UL; seed <= 4; seed++)
            {
                var mask = Array.ConvertAll(Random(width * height, density, seed), inside => inside ? 1 : 0);
                float[] balance = [1.5f, 0.75f];
                var rule = new BorderWeights { Strength = 10, Deviation = 2 };
                var found = rule.Map(mask, width, cellClass: 1, balance);
                var expected = Expected(mask, width, balance, 10, 2);
                for (var i = 0; i < mask.Length; i++)
                    Assert.That(Math.Abs(found[i] - expected[i]), Is.LessThanOrEqualTo(1e-6 * expected[i]), $"{width}x{height}, seed {seed}, pixel {i}");
            }
        }
    }

    [Test]
    public void The_gap_between_two_cells_weighs_most()
    {
        // Two cells with a gap of one pixel: d1 = d2 = 1 there, so 1 + 10 exp(-4/50).
        var mask = new int[9 * 5];
        for (var y = 0; y < 5; y++)
            for (var x = 0; x < 9; x++) mask[y * 9 + x] = x == 4 ? 0 : 1;
        var map = new BorderWeights().Map(mask, 9);
        Assert.That(map[2 * 9 + 4], Is.EqualTo(1 + 10 * Math.Exp(-4.0 / 50)).Within(1e-5));
        Assert.That(map[2 * 9 + 3], Is.EqualTo(1f));

        // One cell alone has no second neighbour: nothing is added.
        for (var i = 0; i < mask.Length; i++)
            if (i % 9 > 4) mask[i] = 0;
        Assert.That(new BorderWeights().Map(mask, 9), Is.All.EqualTo(1f));
    }

    [Test]
    public void Balanced_classes_weigh_the_same_in_sum()
    {
        Assert.That(BorderWeights.Balanced([0, 0, 0, 1], 2), Is.EqualTo(new[] { 4f / 6f, 2f }));
        Assert.That(BorderWeights.Balanced([0, 0], 2), Is.EqualTo(new[] { 0.5f, 0f }));
    }

    [Test]
    public void Bad_masks_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new BorderWeights().Map([0, 1, 2], 3, 1, [1f, 1f]));
        Assert.Throws<ArgumentException>(() => new BorderWeights().Map([0, 1, 1], 2));
        Assert.Throws<ArgumentException>(() => BorderWeights.Balanced([0, 3], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new BorderWeights { Deviation = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new BorderWeights { Strength = double.NaN });
    }

    // Every cell's distance by a search over all of its pixels.
    private static double[] Expected(int[] mask, int width, float[] balance, double strength, double deviation)
    {
        var (labels, count) = ConnectedComponents.Label(Array.ConvertAll(mask, label => label == 1), width);
        var map = new double[mask.Length];
        for (var i = 0; i < mask.Length; i++)
        {
            map[i] = balance[mask[i]];
            if (mask[i] == 1) continue;
            var distances = new double[count];
            Array.Fill(distances, double.PositiveInfinity);
            for (var j = 0; j < mask.Length; j++)
            {
                if (labels[j] == 0) continue;
                var (dx, dy) = (i % width - j % width, i / width - j / width);
                distances[labels[j] - 1] = Math.Min(distances[labels[j] - 1], Math.Sqrt(dx * dx + dy * dy));
            }

            if (count < 2) continue;
            Array.Sort(distances);
            map[i] += strength * Math.Exp(-Math.Pow(distances[0] + distances[1], 2) / (2 * deviation * deviation));
        }

        return map;
    }

    private static bool[] Random(int count, double density, ulong seed)
    {
        var random = new Philox(seed);
        var values = new bool[count];
        for (var i = 0; i < count; i++) values[i] = random.NextUniform() < density;
        return values;
    }

    private static bool[] Picture(params string[] rows) => [.. string.Concat(rows).Select(c => c == '#')];
}
