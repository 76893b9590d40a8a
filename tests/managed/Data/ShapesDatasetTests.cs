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
    public void A_window_shows_one_shape_at_its_middle()
    {
        var options = _some with { Size = 48 };
        var set = new ShapesDataset(options);
        var (size, reach) = (32, 32 / 14);
        var source = set.ToObjectMasks(size);
        Assert.That((source.InputShape, source.TargetShape, source.MaxLabel), Is.EqualTo((new Shape(3, 32, 32), new Shape(32, 32), (int?)1)));
        var (windows, targets) = All(source);
        Assert.That(All(new ShapesDataset(options, "one", threads: 1).ToObjectMasks(size)), Is.EqualTo((windows, targets)));
        var (pictures, classes) = All(set.ToMasks());
        var labels = MemoryMarshal.Cast<byte, int>(classes).ToArray();
        var masks = MemoryMarshal.Cast<byte, int>(targets).ToArray();
        var (others, behind) = (0, 0);
        for (var picture = 0; picture < options.Count; picture++)
        {
            Assert.That(Find(picture, out var shape, out var left, out var top), Is.True, $"{picture}");
            var pixels = 0;
            for (var i = 0; i < size * size; i++)
            {
                if (masks[picture * size * size + i] == 1) pixels++;
                else if (Label(picture, left + i % size, top + i / size) != 0) others++;
            }

            Assert.That(pixels, Is.GreaterThan(10));
            if (!shape.Equals(set.Objects.Last(one => one.Picture == picture))) behind++;
            else Assert.That(Visible(picture, shape, left, top), Is.EqualTo(pixels), $"{picture}: the last shape is whole");
        }

        // Other shapes are in view but not in the mask, and shapes that are partly covered are meant too.
        Assert.That(others, Is.GreaterThan(1000));
        Assert.That(behind, Is.GreaterThan(20));
        Assert.That(() => set.ToObjectMasks(15), Throws.InstanceOf<ArgumentOutOfRangeException>());

        // The shape and the place that explain a window: its pixels, and a mask of that shape's class inside its box.
        bool Find(int picture, out ShapeObject shape, out int left, out int top)
        {
            foreach (var one in set.Objects.Where(one => one.Picture == picture))
            {
                for (var shift = 0; shift < (2 * reach + 1) * (2 * reach + 1); shift++)
                {
                    (shape, left, top) = (one, (int)one.Center.X - size / 2 + shift % (2 * reach + 1) - reach, (int)one.Center.Y - size / 2 + shift / (2 * reach + 1) - reach);
                    if (Shows(picture, left, top) && Fits(one, left, top)) return true;
                }
            }

            (shape, left, top) = (default, 0, 0);
            return false;
        }

        bool Fits(ShapeObject one, int left, int top)
        {
            var mask = masks.AsSpan(one.Picture * size * size, size * size);
            if (mask[((int)one.Center.Y - top) * size + (int)one.Center.X - left] != 1) return false;
            for (var i = 0; i < mask.Length; i++)
            {
                var (x, y) = (left + i % size, top + i / size);
                if (mask[i] == 1 && !(one.Box.Contains(x, y) && Label(one.Picture, x, y) == one.Class + 1)) return false;
            }

            return true;
        }

        int Label(int picture, int x, int y) => x >= 0 && x < 48 && y >= 0 && y < 48 ? labels[(picture * 48 + y) * 48 + x] : 0;

        bool Shows(int picture, int left, int top)
        {
            for (var i = 0; i < 3 * size * size; i++)
            {
                var (channel, y, x) = (i / (size * size), top + i / size % size, left + i % size);
                var inside = x >= 0 && x < 48 && y >= 0 && y < 48;
                if (windows[picture * 3 * size * size + i] != (inside ? pictures[((picture * 3 + channel) * 48 + y) * 48 + x] : 128)) return false;
            }

            return true;
        }

        // Pixels of a shape's class within its box, in the window; more than its own where another of its class lies there.
        int Visible(int picture, ShapeObject shape, int left, int top)
        {
            var same = set.Objects.Count(one => one.Picture == picture && one.Class == shape.Class && one.Box.IntersectsWith(shape.Box));
            var count = 0;
            for (var i = 0; i < size * size; i++)
            {
                var (x, y) = (left + i % size, top + i / size);
                if (same > 1) count += masks[picture * size * size + i];
                else if (shape.Box.Contains(x, y) && Label(picture, x, y) == shape.Class + 1) count++;
            }

            return count;
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
    public void Windows_open_by_name_in_the_size_asked_for()
    {
        var data = Datasets.Open("shapes-masks", new DataOptions { InputShape = new Shape(3, 16, 16) });
        Assert.That((data.Train.InputShape, data.Train.TargetShape), Is.EqualTo((new Shape(3, 16, 16), new Shape(16, 16))));
        Assert.That((data.Train.Count, data.Test.Count), Is.EqualTo((4000, 1000)));
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "background", "object" }));
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
