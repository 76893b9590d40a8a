using NUnit.Framework;

namespace DeepNative.Tests.Core;

[TestFixture]
public sealed class PhiloxTests
{
    // Random123 1.14, tests/kat_vectors, "philox4x32 10": counter, key, result.
    [TestCase(0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u,
        0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [TestCase(0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu,
        0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [TestCase(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u,
        0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void PublishedVectors(
        uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint w0, uint w1, uint w2, uint w3) =>
        Assert.That(Philox.Generate(c0, c1, c2, c3, k0, k1), Is.EqualTo(new PhiloxBlock(w0, w1, w2, w3)));

    [Test]
    public void WordsFollowTheDefinition()
    {
        var random = new Philox(0x299f31d0_a4093822, stream: 0x03707344, offset: 0x13198a2e)
        {
            Position = 0x05a308d3_243f6a88ul << 2,
        };
        var expected = Philox.Generate(0x243f6a88, 0x05a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0);
        var found = new PhiloxBlock(
            random.NextUInt32(), random.NextUInt32(), random.NextUInt32(), random.NextUInt32());
        Assert.That(found, Is.EqualTo(expected));
    }

    [Test]
    public void PositionRestoresTheSequenceAnywhere()
    {
        var random = new Philox(7, stream: 3);
        var words = new uint[23];
        for (var i = 0; i < words.Length; i++) words[i] = random.NextUInt32();
        for (var i = words.Length - 1; i >= 0; i--)
        {
            random.Position = (ulong)i;
            Assert.That(random.NextUInt32(), Is.EqualTo(words[i]), $"word {i}");
        }
    }

    [Test]
    public void SeedStreamAndOffsetEachChangeTheNumbers()
    {
        var first = new Philox(1).NextUInt32();
        Assert.That(new Philox(2).NextUInt32(), Is.Not.EqualTo(first));
        Assert.That(new Philox(1ul << 32 | 1).NextUInt32(), Is.Not.EqualTo(first));
        Assert.That(new Philox(1, stream: 1).NextUInt32(), Is.Not.EqualTo(first));
        Assert.That(new Philox(1, offset: 1).NextUInt32(), Is.Not.EqualTo(first));
        var moved = new Philox(1);
        moved.NextUInt32();
        moved.Seek(offset: 1);
        Assert.That(moved.NextUInt32(), Is.EqualTo(new Philox(1, offset: 1).NextUInt32()));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(5)]
    [TestCase(8)]
    [TestCase(1001)]
    public void FillUniformIsTheWordsInOrder(int count)
    {
        var random = new Philox(42);
        random.NextUInt32(); // a fill starts at the next whole block
        var values = new float[count];
        random.FillUniform(values, -2f, 2f);
        var words = new Philox(42) { Position = 4 };
        foreach (var value in values)
            Assert.That(value, Is.EqualTo(-2f + 4f * ((words.NextUInt32() >> 8) / 16777216f)));
        Assert.That(random.Position % 4, Is.Zero);
        Assert.That(random.Position, Is.EqualTo((ulong)(4 + (count + 3) / 4 * 4)));
    }

    [Test]
    public void UniformStaysBelowOne()
    {
        var random = new Philox(3);
        for (var i = 0; i < 1_000_000; i++)
        {
            var value = random.NextUniform();
            if (!(value is >= 0f and < 1f)) Assert.Fail($"number {i} is {value}");
        }
    }

    [Test]
    public void NormalHasTheMomentsOfANormal()
    {
        const int count = 1_000_000;
        var values = new float[count];
        new Philox(11).FillNormal(values, mean: 3f, standardDeviation: 2f);
        double sum = 0, square = 0, fourth = 0, neighbours = 0, previous = 0;
        foreach (var value in values)
        {
            var z = (value - 3.0) / 2.0;
            sum += z;
            square += z * z;
            fourth += z * z * z * z;
            neighbours += z * previous;
            previous = z;
        }

        // Five standard errors: 1, sqrt(2), sqrt(96) and 1 over sqrt(count).
        var error = 5.0 / Math.Sqrt(count);
        Assert.That(sum / count, Is.EqualTo(0.0).Within(error));
        Assert.That(square / count, Is.EqualTo(1.0).Within(error * Math.Sqrt(2)));
        Assert.That(fourth / count, Is.EqualTo(3.0).Within(error * Math.Sqrt(96)));
        Assert.That(neighbours / count, Is.EqualTo(0.0).Within(error));
    }

    [Test]
    public void NormalFollowsTheDefinition()
    {
        var values = new float[6];
        new Philox(5, stream: 2).FillNormal(values);
        var random = new Philox(5, stream: 2);
        for (var i = 0; i < values.Length; i += 2)
        {
            double a = random.NextUniform(), b = random.NextUniform();
            var radius = Math.Sqrt(-2 * Math.Log(1 - a));
            Assert.That(values[i], Is.EqualTo(radius * Math.Cos(2 * Math.PI * b)).Within(1e-6));
            Assert.That(values[i + 1], Is.EqualTo(radius * Math.Sin(2 * Math.PI * b)).Within(1e-6));
        }
    }

    [Test]
    public void NextBelowIsEven()
    {
        const int bound = 7, count = 700_000;
        var random = new Philox(9);
        var counts = new int[bound];
        for (var i = 0; i < count; i++) counts[random.NextBelow(bound)]++;
        double chiSquare = 0;
        foreach (var seen in counts) chiSquare += Math.Pow(seen - count / bound, 2) / (count / bound);
        Assert.That(chiSquare, Is.LessThan(22.5)); // 6 degrees of freedom, p = 0.001
    }

    [Test]
    public void NextBelowRejectsWhatWouldBias()
    {
        // Three quarters of 2^32: without rejection, numbers below 2^30 times 2 appear twice as often.
        const uint bound = 3u << 30;
        var random = new Philox(1);
        const int count = 300_000;
        var low = 0;
        for (var i = 0; i < count; i++)
            if (random.NextBelow(bound) % 3 == 0) low++;
        Assert.That(random.Position, Is.GreaterThan((ulong)count), "some words must be rejected");
        Assert.That(low / (double)count, Is.EqualTo(1.0 / 3).Within(0.005));
        Assert.That(() => random.NextBelow(0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(random.NextBelow(1), Is.Zero);
    }

    [Test]
    public void ShuffleIsAPermutationAndEven()
    {
        const int repeats = 60_000;
        var random = new Philox(21);
        var orders = new Dictionary<int, int>();
        var values = new int[3];
        for (var i = 0; i < repeats; i++)
        {
            values[0] = 0;
            values[1] = 1;
            values[2] = 2;
            random.Shuffle(values);
            var key = values[0] * 100 + values[1] * 10 + values[2];
            orders[key] = orders.GetValueOrDefault(key) + 1;
        }

        Assert.That(orders.Keys, Is.EquivalentTo(new[] { 12, 21, 102, 120, 201, 210 }));
        foreach (var seen in orders.Values) Assert.That(seen, Is.EqualTo(repeats / 6).Within(500));
    }
}
