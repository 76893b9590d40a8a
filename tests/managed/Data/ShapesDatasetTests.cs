using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Training;

namespace DeepNative.Tests.Data;

[TestFixture]
public sealed class ShapesDatasetTests
{
    private static readonly ShapesOptions _some = new() { Count = 200, Size = 40, MostObjects = 3, Seed = 7 };

    private static (byte[] Inputs, byte[] Targets) All(IExampleSource source)
    {
        var inputs = new byte[source.Count * source.InputShape.Count * source.InputType.Size()];
        var targets = new byte[source.Count * source.TargetShape.Count * source.TargetType.Size()];
        source.Gather(Enumerable.Range(0, source.Count).ToArray(), inputs, targets);
        return (inputs, targets);
    }

    [Test]
    public void The_seed_decides_whatever_the_number_of_threads()
    {
        var one = new ShapesDataset(_some, "one", threads: 1);
        var four = new ShapesDataset(_some, "four", threads: 4);
        Assert.That(All(four.ToMasks()), Is.EqualTo(All(one.ToMasks())));
        Assert.That(All(four.ToHeatmaps()).Targets, Is.EqualTo(All(one.ToHeatmaps()).Targets));
        Assert.That(four.Objects, Is.EqualTo(one.Objects));
        Assert.That(All(new ShapesDataset(_some with { Seed = 8 }).ToMasks()).Inputs, Is.Not.EqualTo(All(one.ToMasks()).Inputs));
    }

    [Test]
    public void Fewer_pictures_are_the_first_of_more()
    {
        var few = All(new ShapesDataset(_some with { Count = 3 }).ToMasks());
        Assert.That(few.Inputs, Is.EqualTo(All(new ShapesDataset(_some).ToMasks()).Inputs[..few.Inputs.Length]));
    }

    [Test]
    public void Masks_boxes_labels_and_peaks_tell_of_the_same_shapes()
    {
        var options = _some with { MostObjects = 1 };
        var set = new ShapesDataset(options);
        var masks = MemoryMarshal.Cast<byte, int>(All(set.ToMasks()).Targets).ToArray();
        var maps = MemoryMarshal.Cast<byte, float>(All(set.ToHeatmaps()).Targets).ToArray();
        var labels = set.ToImages().Labels.ToArray();
        Assert.That(set.Objects.Select(one => one.Picture), Is.EqualTo(Enumerable.Range(0, options.Count)));
        Assert.That(ClassBalance.Counts(labels, 4), Is.All.GreaterThan(options.Count / 8));
        Assert.That(set.ToHeatmaps().TargetShape, Is.EqualTo(new Shape(4, 10, 10)));
        foreach (var one in set.Objects)
        {
            Assert.That(one.Class, Is.EqualTo(labels[one.Picture]));
            var (left, top, right, bottom, pixels) = (40, 40, -1, -1, 0);
            for (var i = 0; i < 1600; i++)
            {
                var value = masks[one.Picture * 1600 + i];
                if (value == 0) continue;
                Assert.That(value, Is.EqualTo(one.Class + 1));
                (left, right, top, bottom) = (Math.Min(left, i % 40), Math.Max(right, i % 40), Math.Min(top, i / 40), Math.Max(bottom, i / 40));
                pixels++;
            }

            Assert.That((one.Box.Left, one.Box.Top, one.Box.Right - 1, one.Box.Bottom - 1), Is.EqualTo((left, top, right, bottom)));
            Assert.That(one.Box.Contains((int)one.Center.X, (int)one.Center.Y));
            // Areas in units of the radius: 2, pi, 1.3, 1.67; the radius is 5 to 10 pixels.
            Assert.That(pixels, Is.InRange(30, 330));
            for (var label = 0; label < 4; label++)
            {
                var map = maps.AsSpan((one.Picture * 4 + label) * 100, 100);
                if (label != one.Class)
                {
                    Assert.That(map.ToArray(), Is.All.Zero);
                    continue;
                }

                var peak = map.IndexOf(map.ToArray().Max());
                Assert.That(peak % 10, Is.EqualTo((int)(one.Center.X / 4)).Within(1));
                Assert.That(peak / 10, Is.EqualTo((int)(one.Center.Y / 4)).Within(1));
                Assert.That(map[peak], Is.InRange(0.8f, 1f));
            }
        }
    }

    [Test]
    public void Wrong_numbers_are_named()
    {
        Assert.That(() => new ShapesOptions { Size = 15 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ShapesOptions { Channels = 2 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ShapesDataset(new ShapesOptions { Count = 1_000_000, Size = 64 }), Throws.ArgumentException);
        Assert.That(() => Datasets.Open("shapes", new DataOptions { InputShape = new Shape(3, 32, 16) }), Throws.ArgumentException);
        Assert.That(() => Datasets.Open("no-such"), Throws.ArgumentException.With.Message.Contains("shapes").And.Message.Contains("cifar10"));
    }

    [Test]
    public void Shapes_open_by_name_in_the_size_asked_for()
    {
        var data = Datasets.Open("Shapes-Segmentation", new DataOptions { InputShape = new Shape(1, 16, 16) });
        Assert.That((data.Train.InputShape, data.Train.TargetShape), Is.EqualTo((new Shape(1, 16, 16), new Shape(16, 16))));
        Assert.That((data.Train.Count, data.Test.Count, data.Train.MaxLabel), Is.EqualTo((4000, 1000, 4)));
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "background", "square", "disk", "triangle", "cross" }));
        Assert.That(Datasets.ClassNamesOf("shapes-segmentation"), Is.EqualTo(data.ClassNames));
        Assert.That(data.Train.Statistics()!.Deviation[0], Is.InRange(0.1f, 0.5f));
    }
}
