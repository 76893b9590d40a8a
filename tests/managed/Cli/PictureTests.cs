using DeepNative.Cli.Images;

namespace DeepNative.Tests.Cli;

[TestFixture]
public class PictureTests
{
    [Test]
    public void Shrinking_takes_means_of_blocks()
    {
        var picture = new Picture(4, 2, 1, [0, 10, 100, 200, 20, 30, 0, 100]);
        Assert.That(picture.Resize(2, 1).Pixels, Is.EqualTo(new byte[] { 15, 100 }));
    }

    [Test]
    public void Uneven_sizes_weigh_by_the_covered_area()
    {
        var picture = new Picture(3, 1, 1, [0, 90, 240]);
        // Pixel 0 covers all of column 0 and half of column 1.
        Assert.That(picture.Resize(2, 1).Pixels, Is.EqualTo(new byte[] { 30, 190 }));
    }

    [Test]
    public void A_flat_picture_stays_flat_at_every_size([Values(1, 5, 28, 31, 64)] int size)
    {
        var picture = new Picture(17, 23, 3, [.. Enumerable.Repeat((byte)201, 17 * 23 * 3)]);
        Assert.That(picture.Resize(size, size).Pixels, Is.EqualTo(Enumerable.Repeat((byte)201, size * size * 3)));
    }

    [Test]
    public void Planes_are_channels_first_and_can_be_inverted()
    {
        var picture = new Picture(2, 1, 3, [1, 2, 3, 4, 5, 6]);
        Assert.That(picture.ToPlanes(3, 1, 2, invert: false), Is.EqualTo(new byte[] { 1, 4, 2, 5, 3, 6 }));
        Assert.That(picture.ToPlanes(3, 1, 2, invert: true), Is.EqualTo(new byte[] { 254, 251, 253, 250, 252, 249 }));
        Assert.That(new Picture(1, 1, 3, [255, 0, 0]).ToPlanes(1, 1, 1, invert: false), Is.EqualTo(new byte[] { 76 }));
        Assert.That(new Picture(1, 1, 1, [9]).ToPlanes(3, 1, 1, invert: false), Is.EqualTo(new byte[] { 9, 9, 9 }));
    }
}
