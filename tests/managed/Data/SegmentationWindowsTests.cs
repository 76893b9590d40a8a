using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Tests.Models;

namespace DeepNative.Tests.Data;

internal sealed class SegmentationWindowsTests
{
    private const int Height = 9;
    private const int Width = 11;

    [Test]
    public void Tiles_cover_every_picture()
    {
        var tiles = SegmentationWindows.Tiles(Pictures(2), size: 4);
        Assert.That((tiles.Count, tiles.InputShape, tiles.TargetShape), Is.EqualTo((2 * 3 * 3, new Shape(1, 4, 4), new Shape(4, 4))));
        var seen = new HashSet<float>();
        for (var i = 0; i < tiles.Count; i++)
        {
            var (input, mask, _) = Read(tiles, i);
            seen.UnionWith(input);
            Assert.That(mask, Is.EqualTo(Array.ConvertAll(input, value => (int)value % 2)));
        }

        Assert.That(seen, Has.Count.EqualTo(2 * Height * Width));
        Assert.That(Read(tiles, 0).Input[..6], Is.EqualTo(new float[] { 0, 1, 2, 3, 11, 12 }));
        Assert.That(Read(tiles, 2).Input[0], Is.EqualTo(Width - 4f));
    }

    [Test]
    public void A_window_sees_mirrored_surroundings()
    {
        var tiles = SegmentationWindows.Tiles(Pictures(1), size: 4, margin: 2);
        Assert.That(tiles.InputShape, Is.EqualTo(new Shape(1, 8, 8)));
        var (input, mask, _) = Read(tiles, 0);
        Assert.That(input[..8], Is.EqualTo(new float[] { 24, 23, 22, 23, 24, 25, 26, 27 }));
        Assert.That(input[16..24], Is.EqualTo(new float[] { 2, 1, 0, 1, 2, 3, 4, 5 }));
        Assert.That(mask[..4], Is.EqualTo(new[] { 0, 1, 0, 1 }));
    }

    [Test]
    public void Random_windows_keep_pixels_and_classes_and_weights_together()
    {
        var source = Pictures(3);
        var borders = new BorderWeights { Strength = 5, Deviation = 2 };
        var windows = SegmentationWindows.Random(source, size: 5, perPicture: 40, margin: 1, borders, seed: 4);
        Assert.That((windows.Count, windows.WeightShape), Is.EqualTo((120, (Shape?)new Shape(5, 5))));
        var maps = Enumerable.Range(0, 3).SelectMany(i => borders.Map(source.Mask(i), Width, 1, BorderWeights.Balanced([.. source.Mask(0), .. source.Mask(1), .. source.Mask(2)], 2))).ToArray();
        var corners = new HashSet<(float, float)>();
        for (var i = 0; i < windows.Count; i++)
        {
            var (input, mask, weights) = Read(windows, i);
            var middle = Enumerable.Range(0, 25).Select(p => input[(p / 5 + 1) * 7 + p % 5 + 1]).ToArray();
            Assert.That((int)middle[0] / (Height * Width), Is.EqualTo(i / 40));
            Assert.That(mask, Is.EqualTo(Array.ConvertAll(middle, value => (int)value % 2)));
            Assert.That(weights, Is.EqualTo(Array.ConvertAll(middle, value => maps[(int)value])));
            corners.Add((middle[1] - middle[0], middle[5] - middle[0]));
        }

        // The eight directions: a step along a row, and down a column.
        Assert.That(corners, Is.EquivalentTo(new[] { (1f, 11f), (-1f, 11f), (1f, -11f), (-1f, -11f), (11f, 1f), (-11f, 1f), (11f, -1f), (-11f, -1f) }));
        var again = SegmentationWindows.Random(source, size: 5, perPicture: 40, margin: 1, borders, seed: 4);
        Assert.That(Read(again, 77), Is.EqualTo(Read(windows, 77)).Using<float[]>((a, b) => a.SequenceEqual(b) ? 0 : 1));
    }

    [Test]
    public void What_cannot_be_cut_is_named()
    {
        Assert.That(Assert.Throws<ArgumentException>(() => SegmentationWindows.Tiles(Pictures(1), size: 10))!.Message, Does.Contain("9 x 11").And.Contain("10 x 10"));
        Assert.Throws<ArgumentException>(() => SegmentationWindows.Tiles(DeepNative.Tests.Training.Synthetic.Xor, size: 1));
    }

    [Test]
    public void Windows_of_one_picture_are_held_out_together()
    {
        var windows = SegmentationWindows.Random(Pictures(10), size: 4, perPicture: 7);
        var (train, held) = ExampleSplit.HoldOut(windows, 0.2, seed: 3);
        var (rest, second) = ExampleSplit.HoldOut(train, 0.25, seed: 3);
        Assert.That((train.Count, held.Count, rest.Count, second.Count), Is.EqualTo((56, 14, 42, 14)));
        Assert.That(Shown(rest).Concat(Shown(second)).Concat(Shown(held)).Order(), Is.EqualTo(Enumerable.Range(0, 10)));
        Assert.That(() => ExampleSplit.HoldOut(SegmentationWindows.Random(Pictures(4), size: 4, perPicture: 100), 0.1),
            Throws.ArgumentException.With.Message.Contains("0.1 of 4"));

        static int[] Shown(IExampleSource source) =>
            [.. Enumerable.Range(0, source.Count).Select(i => (int)Read(source, i).Input[0] / (Height * Width)).Distinct()];
    }

    private static (float[] Input, int[] Mask, float[] Weights) Read(IExampleSource windows, int index)
    {
        var (input, mask) = (new float[windows.InputShape.Count], new int[windows.TargetShape.Count]);
        windows.Gather([index], MemoryMarshal.AsBytes(input.AsSpan()), MemoryMarshal.AsBytes(mask.AsSpan()));
        var weights = new float[windows.WeightShape?.Count ?? 0];
        windows.GatherWeights([index], weights);
        return (input, mask, weights);
    }

    // Every pixel has its number as value, and the number's parity as class.
    private static MaskExamples Pictures(int count)
    {
        var values = new float[count * Height * Width];
        for (var i = 0; i < values.Length; i++) values[i] = i;
        return new MaskExamples("numbers", values, Array.ConvertAll(values, value => (int)value % 2), new Shape(1, Height, Width), classes: 2);
    }
}
